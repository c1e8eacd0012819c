# SPDX-License-Identifier: MIT
"""Pebble, a certificate authority for tests that speaks ACME and makes trouble, with a DNS server of
its own; in a network namespace, where names lead to the relay."""
import json
import shutil
import ssl
import subprocess
import urllib.request

import harness
from client import until
from tls_proxy import certificate

HERE = "192.0.2.9"
DIRECTORY, MANAGEMENT, DNS, RECORDS = 14000, 15000, 8053, 8055


class Pebble:
    """Starts both servers; `environment` has Pebble's faults. Names lead to `to`."""

    def __init__(self, directory, network, to, **environment):
        directory.mkdir()
        self.network, self.processes = network, []
        self.certificate, key = certificate(directory / "tls", HERE)
        config = directory / "pebble.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": f"{HERE}:{DIRECTORY}", "managementListenAddress": f"{HERE}:{MANAGEMENT}",
            "certificate": str(self.certificate), "privateKey": str(key), "httpPort": 80,
            "tlsPort": 443, "externalAccountBindingRequired": False}}))
        self.directory = f"https://{HERE}:{DIRECTORY}/dir"
        self.log = (directory / "pebble.log").open("w")
        self._start(directory, ["pebble-challtestsrv", "-defaultIPv4", to, "-defaultIPv6", "", "-dns01",
                                f"{HERE}:{DNS}", "-http01", "", "-https01", "", "-tlsalpn01", "",
                                "-management", f"{HERE}:{RECORDS}"])
        self._start(directory, ["pebble", "-config", config, "-dnsserver", f"{HERE}:{DNS}"],
                    **{"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", **environment})
        self._await(lambda: self.ask(MANAGEMENT, "/roots/0"))
        self._await(lambda: self.record("clear-txt", host="nobody.example."))

    def _start(self, directory, argv, **environment):
        self.processes.append(subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env={**harness.environment(directory), **environment}, preexec_fn=self.network.enter))

    def _await(self, ask):
        def answers():
            assert all(one.poll() is None for one in self.processes)
            try:
                ask()
            except OSError:
                return False
            return True
        until(answers, "Pebble answers")

    def ask(self, port, path, body=None):
        trust = ssl.create_default_context(cafile=self.certificate)
        scheme = "http" if port == RECORDS else "https"
        with self.network.inside(), urllib.request.urlopen(
                f"{scheme}://{HERE}:{port}{path}", body, harness.DEADLINE,
                context=trust if scheme == "https" else None) as answer:
            return answer.read()

    def record(self, change, **what):
        """Changes what the DNS server answers."""
        self.ask(RECORDS, f"/{change}", json.dumps(what).encode())

    def root(self, path):
        """Writes the authority's certificate to a file."""
        path.write_bytes(self.ask(MANAGEMENT, "/roots/0"))
        return path

    @property
    def environment(self):
        """For lego, so that it trusts this server."""
        return {"LEGO_CA_CERTIFICATES": str(self.certificate)}

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.log.close()


def are_there():
    return all(map(shutil.which, ("pebble", "pebble-challtestsrv", "lego")))
