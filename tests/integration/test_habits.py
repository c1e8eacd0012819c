# SPDX-License-Identifier: MIT
"""Habits from git, curl, docker and ngrok work, or two lines of error name what does."""
import re
import subprocess

import harness
import pytest
from replays import Service

CANARY = "s3cr3t-Canary.0123456789abcdef"


def run(directory, *args):
    """Exit status, stdout and stderr."""
    done = subprocess.run([harness.BIN / args[0], *args[1:]], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, errors="replace", timeout=harness.DEADLINE,
                          env=harness.environment(directory))
    assert not harness.REPORTS.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


def refused(directory, *args):
    """The error message of a mistake: one line, and one that names the help."""
    code, out, err = run(directory, *args)
    lines = err.splitlines()
    assert (code, out, len(lines)) == (2, "", 2), (code, out, err)
    assert re.fullmatch(r"Try: aditd?( \w+)? (help|--help)|Try: aditd? help", lines[1])
    return lines[0]


@pytest.mark.parametrize("program", ["adit", "aditd"])
def test_the_version_is_told_however_it_is_asked_for(tmp_path, program):
    said = run(tmp_path, program, "version")
    assert said[0] == 0 and re.fullmatch(program + r" \d+\.\d+\.\d+\n", said[1]) and not said[2]
    for word in ("--version", "-v", "-V"):
        assert run(tmp_path, program, word) == said
    code, out, _ = run(tmp_path, program, "version", "--json")
    version = said[1].split()[1]
    assert (code, out) == (0, f'{{"program":"{program}","version":"{version}"}}\n')
    refused(tmp_path, program, "version", "--jsn")


@pytest.mark.parametrize("line, told", {
    "adit htp 80": "adit: no such command: htp. Did you mean adit http?",
    "adit reqests": "adit: no such command: reqests. Did you mean adit requests?",
    "adit cofnig": "adit: no such command: cofnig. Did you mean adit config?",
    "aditd shwo": "aditd: no such command: shwo. Did you mean aditd show?",
    "adit help htp": "adit: no such command: htp. Did you mean adit http?",
    "aditd help x": "aditd: no such command: x", "adit help http 80": "adit: help takes one",
    "adit 8080": "adit: no such command. To expose a service: adit http localhost:8080",
    "adit localhost:3000": "adit: no such command. To expose a service: adit http localhost:3000",
    "adit --relay x http 80": "adit: options stand after the command: adit http --relay",
    "adit -f requests": "adit: options stand after the command: adit requests -f",
    "adit --foo": "adit: a command stands first, as in adit http 8080; --foo is none",
    "aditd --data x requests": "aditd: the command stands first: aditd requests ...",
    "aditd http 80": "aditd: http: that is a command of adit, the agent: adit http PORT",
    "aditd serve": "aditd: serve: there is no such command: aditd alone starts the relay",
    "aditd -p 80": "aditd: -p: the port is part of --listen: ",
    "aditd --listen :0 -v": "aditd: -v: it prints the version, and stands alone; to log more: ",
    "adit http 80 -v": "adit http: -v: it means the version only without a command; ",
    "adit proxy 80 -v": "adit proxy: -v: it means the version only without",
    "adit requests -v": "adit requests: -v: it means the version only without",
    "adit requests -5": "adit requests: unknown option: -5. Did you mean -n 5?",
    "adit requests -fn": "adit requests: this option needs a value: -n",
    "adit requests -fx": "adit requests: unknown option: -x",
    "adit requests -follow": "adit requests: unknown option: -follow. Did you mean --follow?",
    "adit requests -n x": "adit requests: --limit takes a number from 0 to 10000000, not x",
    "adit show last -o x": "adit show: -o: the result goes to standard output: append > FILE",
    "adit proxy 80 -p 90": "adit proxy: -p: that is --port PORT",
    "adit proxy 80 --inspect=false": "adit proxy: --inspect: that is --record none, or --record all",
    "adit proxy --url 80 90": "adit proxy: give one service",
    "adit proxy": "adit proxy: say which service: adit proxy --url http://localhost:PORT",
    "adit proxy 80 --port 70000": "adit proxy: --port is not a number from 0 to 65535",
    "adit replay last -H X-Debug": "adit replay: --header takes 'NAME: VALUE', and there is no colon",
    "adit http 80 --relay localhost":
        "adit http: --relay: a port is missing: write HOST:PORT, or https://HOST or http://HOST: local",
    "adit config set relay 127.0.0.1":
        "adit config: relay: a port is missing: write HOST:PORT, or https://HOST or http://HOST: 127.",
    "adit http 80 --limit conect-time=3s":
        "adit http: --limit conect-time=3s: there is no such limit; did you mean connect-time?",
    "adit http 80 --limit connect-time":
        "adit http: --limit connect-time: it is NAME=VALUE, as in connect-time=3s",
}.items(), ids=lambda line: line[:40])
def test_a_slip_is_told_with_what_was_meant(tmp_path, line, told):
    assert refused(tmp_path, *line.split()).startswith(told)


@pytest.mark.parametrize("service, told", {
    "0": "a port is a number from 1 to 65535: 0", "99999": "a port is a number from 1 to 65535: 999",
    "8080a": "a port is a number from 1 to 65535", "-1": "a port is a number from 1 to 65535: -1",
    "localhost": "a port is missing: write HOST:PORT, or http://HOST for port 80: localhost",
    "https://localhost:99999": "a port is a number from 1 to 65535: https://localhost:99999",
    "file://./dist": "a folder is given by its whole path: file:///srv/site", "": "it is empty: write",
    "./dist": "a folder is given by its whole path", r"C:\site": "a folder is given by its whole path",
    "dist/app.sock/": "leave out what follows", "/run/app.sock": "a Unix socket is given by its whole",
    "unix:": "the path of a socket is missing: unix:/run/app.sock",
    "8080/path": "leave out what follows the host and port", "ftp://x": "only http://, https://, unix:",
    "http:/localhost": "http: needs two slashes after it",
}.items(), ids=lambda text: text[:30] or "empty")
def test_a_service_is_refused_for_its_true_reason(tmp_path, service, told):
    for args in (["adit", "http", service], ["adit", "proxy", "--url", service],
                 ["adit", "proxy", service], ["adit", "replay", "last", "--to", service]):
        assert told in refused(tmp_path, *args)


def test_one_service_is_needed_and_no_more(tmp_path):
    assert "say which service: a PORT, HOST:PORT or URL" in refused(tmp_path, "adit", "http")
    assert "start another adit http" in refused(tmp_path, "adit", "http", "8080", "9090")


NGROK = ["authtoken", "region", "config", "log", "log-format", "log-level", "scheme", "bind-tls",
         "web-addr", "metadata", "description", "traffic-policy-file", "pooling-enabled", "basic-auth",
         "oauth", "oidc", "saml", "cidr-allow", "cidr-deny", "mutual-tls-cas", "verify-webhook",
         "circuit-breaker", "compression", "websocket-tcp-converter", "request-header-add",
         "response-header-remove", "app-protocol",
         "binding", "crt", "key"]


@pytest.mark.parametrize("option", NGROK)
def test_an_option_of_ngrok_is_told_with_what_adit_has(tmp_path, option):
    for given in ([f"--{option}", CANARY], [f"--{option}={CANARY}"]):
        said = refused(tmp_path, "adit", "http", "80", *given)
        assert said.startswith(f"adit http: --{option}: ") and len(said) < 250
        assert CANARY not in said and "unknown" not in said


@pytest.mark.parametrize("command", ["tcp", "tls", "start", "authtoken", "update", "service",
                                     "diagnose", "api", "completion"])
def test_a_command_of_ngrok_is_told_with_what_adit_has(tmp_path, command):
    said = refused(tmp_path, "adit", command, CANARY)
    assert said.startswith(f"adit: {command}: ") and CANARY not in said and "no such command:" not in said


@pytest.mark.parametrize("command", ["log", "logs", "tail", "list", "ls", "history"])
def test_words_for_the_list_of_exchanges_lead_to_requests(tmp_path, command):
    assert "adit requests" in refused(tmp_path, "adit", command)


@pytest.mark.parametrize("args, told", [
    (["--url", "tcp://x"], "begins with http:// or https://"), (["--url", "myapp:80"], "the port out"),
    (["--domain", "*.example.com"], "no wildcards"), (["--hostname", "10.0.0.1"], "an IP address"),
    (["--subdomain", ""], "a name has 1 to 63"), (["--name", "x" * 64], "a name has 1 to 63"),
    (["--url", f"https://u:{CANARY}@x.example.com"], "--url: a user or password"),
    (["--url", "https://x.example.com/a"], "what follows the host"),
    (["--inspect=maybe"], "--inspect is true or false: maybe")])
def test_an_impossible_name_is_told(tmp_path, args, told):
    said = refused(tmp_path, "adit", "http", "80", *args)
    assert told in said and CANARY not in said


@pytest.mark.parametrize("args", [
    ["--domain", "fingers"], ["--subdomain=fingers"], ["--name", "fingers"],
    ["--hostname", "fingers.localhost"], ["--url", "http://fingers.localhost"],
    ["--url", "Fingers.LocalHost."], ["--domain", "http://fingers.localhost:{port}/"]])
def test_a_name_is_the_same_whichever_way_it_is_asked_for(relay, tmp_path, args):
    args = [arg.format(port=relay.port) for arg in args]
    with harness.Agent(tmp_path, relay, "80", *args) as agent:
        assert agent.host.lower() == f"fingers.localhost:{relay.port}"
        assert agent.text("stderr") == ""


@pytest.mark.parametrize("wanted", ["fingers.example.com", "https://fingers.a.localhost"])
def test_a_url_of_another_domain_ends_the_agent_and_is_told(relay, tmp_path, wanted):
    with harness.Program(tmp_path, "adit", "http", "80", "--relay", relay.url, "--url",
                         wanted) as agent:
        assert agent.exit_code() == 1
        assert re.search(r"the relay does not serve fingers\.(example\.com|a\.localhost), the URL "
                         r"would be http://fingers\.localhost:\d+: ask for the name alone, --url fingers",
                         agent.text("stderr"))
        assert agent.text("stdout") == ""


def test_a_scheme_that_the_relay_does_not_have_is_told_and_the_tunnel_stands(relay, tmp_path):
    with harness.Agent(tmp_path, relay, "80", "--url", "https://fingers.localhost") as agent:
        agent.wait_for("the relay's to choose.*it is http://fingers.localhost:", "stderr")


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    with harness.Proxied(tmp_path_factory.mktemp("fingers")) as way:
        yield Service(way)


def test_short_options_of_listings(own):
    for _ in range(3):
        own.fetch("GET", "/kept")
    lines = [own.run(*args, command="requests")[0].splitlines()
             for args in (["-n2"], ["-n", "2"], ["--limit=2"])]
    assert len(lines[0]) >= 2 and lines[0] == lines[1] == lines[2]
    assert own.run("-n1", command="stats") == own.run("--limit", "1", command="stats")
    with harness.Program(own.directory.parent, "adit", "requests", "-fn1", "--data", own.directory,
                         data=False) as follows:
        row = own.fetch("GET", "/kept")
        follows.wait_for(row["id"])
    assert "-y" not in own.run("path=/nothing", "-y", command="delete", status=(0, 1))[1]


def test_a_replay_is_changed_as_with_curl(own, tmp_path):
    row = own.fetch("POST", "/kept", body=b"first")
    (tmp_path / "body").write_bytes(b"of a file\n")
    own.run(row["id"], "-y", "-H", "X-A: 1", "-HX-B: 2", "-X", "PUT", "-d", '{"item": 8}')
    asked = own.asked[-1]
    assert (asked.method, asked.body) == ("PUT", b'{"item": 8}')
    assert (asked.field("x-a"), asked.field("x-b")) == (["1"], ["2"])
    before = len(own.asked)
    own.run(row["id"], "-yn2", "-d", f"@{tmp_path / 'body'}")
    assert [asked.body for asked in own.asked[before:]] == [b"of a file\n"] * 2
    own.run(row["id"], "-XGET", "-d@-", stdin=b"of the input")
    assert (own.asked[-1].method, own.asked[-1].body) == ("GET", b"of the input")
    own.run(row["id"], "-y", "--body-file", "/absent", "-d", "")  # the last one counts
    assert own.asked[-1].body == b""


@pytest.mark.parametrize("value", [f'{{"token": "{CANARY}"}}', f"token={CANARY}", f"@{CANARY}",
                                   f"[{CANARY}]"])
def test_a_body_behind_data_is_told_where_it_belongs(tmp_path, value):
    said = refused(tmp_path, "adit", "replay", "last", "--data", value)
    assert "--data is the directory" in said and "-d TEXT or -d @FILE" in said
    assert CANARY not in said
    (tmp_path / "a=b").mkdir()
    code, _, err = run(tmp_path, "adit", "replay", "last", "--data", str(tmp_path / "a=b"))
    assert code == 1 and "no record yet" in err


@pytest.mark.parametrize("option, told", [
    ("--request", "-X METHOD"), ("--data-raw", "-d TEXT"), ("--data-binary", "-d @FILE"),
    ("-F", "-d @FILE"), ("-u", "Authorization"), ("-b", "Cookie"), ("-o", "--body response"),
    ("--url", "--to URL")])
def test_an_option_of_curl_is_told_with_what_replay_has(tmp_path, option, told):
    said = refused(tmp_path, "adit", "replay", "last", option, CANARY)
    assert told in said and CANARY not in said


@pytest.mark.parametrize("args, kept", [(["--inspect=false"], 0), (["--inspect=true"], 1),
                                        (["--inspect"], 1),
                                        (["--record", "heads", "--inspect=false"], 0)])
def test_inspect_false_records_nothing(relay, tmp_path, args, kept):
    with harness.Origin() as origin, harness.Agent(tmp_path, relay, origin.address,
                                                   *args) as agent:
        with relay.visit(agent.host) as visitor:
            assert visitor.fetch("GET", "/").status == 200
        agent.wait_for("GET.*/")
        agent.stop()
        _, out, err = run(tmp_path, "adit", "requests", "--json", "--data", str(agent.data))
        assert len(out.splitlines()) == kept, (out, err)
