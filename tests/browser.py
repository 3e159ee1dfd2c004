"""A headless Chromium, spoken to over its pipe: what a page asks for, says, and measures."""

import fcntl
import functools
import json
import os
import select
import shutil
import subprocess
import time
from contextlib import contextmanager

NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
)


@functools.cache
def executable():
    """The first that is found, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One tab; what it reports is kept in ``events``."""

    def __init__(self, writer, reader, limit=60.0):
        self.writer, self.reader, self.limit = writer, reader, limit
        self.last, self.session, self.rest, self.events = 0, None, b"", []

    def call(self, method, **parameters):
        """The result of a method of the DevTools protocol."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.last:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def wait(self, method):
        """Until that event has come."""
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self._next())

    def _next(self):
        end = time.monotonic() + self.limit
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.reader], [], [], max(end - time.monotonic(), 0))
            assert ready, f"no word from the browser within {self.limit} s"
            new = os.read(self.reader, 1 << 16)
            assert new, "the browser has gone"
            self.rest += new
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def open(self, path, width, height=800, scheme="light"):
        """A file in a window of that size; earlier events are forgotten."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        self.wait("Page.loadEventFired")

    def value(self, expression):
        """What JavaScript makes of an expression."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"]["value"]

    def said(self):
        """What the page has written to the console, warnings of the browser among it."""
        names = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        return [event["params"] for event in self.events if event.get("method") in names]

    def requested(self):
        """Addresses that it has asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]


@contextmanager
def browser(folder):
    """A fresh one, with its profile in a folder."""
    # Chromium reads file 3 and writes file 4: ours are moved out of the way of those first.
    down, up = os.pipe(), os.pipe()
    ends = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (*down, *up)]
    for end in (*down, *up):
        os.close(end)
    their_input, our_output, our_input, their_output = ends

    def connect():
        os.dup2(their_input, 3)
        os.dup2(their_output, 4)

    process = subprocess.Popen(
        [executable(), *_FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=(3, 4),
        preexec_fn=connect,
        env={**os.environ, "HOME": str(folder)},
    )
    os.close(their_input)
    os.close(their_output)
    try:
        tab = Browser(our_output, our_input)
        target = tab.call("Target.createTarget", url="about:blank")["targetId"]
        attached = tab.call("Target.attachToTarget", targetId=target, flatten=True)
        tab.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        yield tab
        tab.session = None
        tab.call("Browser.close")
        process.wait(tab.limit)
    finally:
        process.kill()
        process.wait()
        os.close(our_output)
        os.close(our_input)
