# SPDX-License-Identifier: MIT
"""What a kill loses: visitors ask for numbered targets, both programs are killed at one moment, and
their records are listed."""

import http.client
import random
import signal
import threading
import time

from .processes import Failed

VISITORS = 4
PAUSE_SECONDS = 0.001  # of a visitor, between two requests
LOAD_SECONDS = 2  # before the kill, which may fall into any moment of a batch
BATCH_SECONDS = 0.25
LIST_SECONDS = 120
PROGRAMS = {"relay": "aditd", "agent": "adit"}


class Visitors:
    """They ask for /small?1, /small?2 and so on, each over a connection of its own, until an answer
    fails to come."""

    def __init__(self, running):
        self.running = running
        self.lock = threading.Lock()
        self.next = 0
        self.answered = {}  # number -> when
        self.threads = [threading.Thread(target=self.ask, daemon=True) for _ in range(VISITORS)]
        for thread in self.threads:
            thread.start()

    def number(self):
        with self.lock:
            self.next += 1
            return self.next

    def ask(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.running.port, timeout=5)
        try:
            while True:
                number = self.number()
                connection.request("GET", f"/small?{number}", headers={"Host": self.running.host})
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    return
                self.answered[number] = time.monotonic()
                time.sleep(PAUSE_SECONDS)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()

    def wait(self):
        for thread in self.threads:
            thread.join()


def recorded(record):
    """The numbers of the exchanges that are whole in the rows."""
    rows = record.rows(
        "SELECT target FROM exchange WHERE target LIKE '/small?%' AND outcome = 'complete'"
        " AND flags & 2 = 0"
    )
    return {int(target.partition("?")[2]) for (target,) in rows}


def lost_by_a_kill(site, running, programs):
    """part -> milliseconds before the kill from which on answered exchanges are not in the record; 0
    when all are. Both ends die at once, so that neither hears of it. `programs` lists the record, as
    a user would, since that may be what takes the last exchanges into the rows."""
    visitors = Visitors(running)
    time.sleep(LOAD_SECONDS + random.random() * BATCH_SECONDS)
    killed = time.monotonic()
    for process in running.processes:
        process.popen.send_signal(signal.SIGKILL)
    for process in running.processes:
        process.popen.wait()
    visitors.wait()
    answered = {number: at for number, at in visitors.answered.items() if at <= killed}
    if not answered or killed - max(answered.values()) > 1:
        raise Failed("the visitors had no answers before the kill")
    sample = {"answered": len(answered)}
    for part, process in running.ends.items():
        argv = [programs / PROGRAMS[part], "requests", "--limit", "1"]
        site.procs.run("list", argv + ["--data", process.record.directory], LIST_SECONDS)
        there = recorded(process.record)
        lost = [killed - at for number, at in answered.items() if number not in there]
        sample[part] = max(lost, default=0) * 1e3
        sample[f"{part} lost"] = len(lost)
    return sample
