"""A headless Chromium, spoken to over its debugging pipe: enough to open a file and ask the page questions."""
import base64
import json
import os
import shutil
import subprocess
import tempfile

# What no checker of accessibility forgives.
FAULTS = """(() => {
  const faults = [];
  if (document.querySelectorAll("main, [role=main]").length != 1) faults.push("not one <main>");
  if (document.querySelectorAll("h1").length != 1) faults.push("not one <h1>");
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.title) faults.push("no title");
  // Not innerWidth: a phone zooms out until all of a page is in it.
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) faults.push("wider than the window");
  for (const image of document.querySelectorAll("img:not([alt]), img[alt='']")) faults.push("no words for " + image.src);
  for (const image of document.querySelectorAll("main img")) if (!image.naturalWidth) faults.push("no picture " + image.src);
  for (const svg of document.querySelectorAll("figure svg:not([aria-label]), svg[role=img]:not([aria-label])")) faults.push("no words for a diagram");
  return faults;
})()"""


def program():
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Chromium:
    """with Chromium() as browser: browser.open(path, 390); browser.ask("document.title")"""

    def __enter__(self):
        self.folder = tempfile.mkdtemp()
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()

        def descriptors():  # 3 to read, 4 to write, whatever numbers the pipes have
            low, high = os.dup(to_read), os.dup(to_write)
            while low < 5 or high < 5:
                low, high = os.dup(low), os.dup(high)
            os.dup2(low, 3)
            os.dup2(high, 4)
        # Root has no sandbox of Chromium's; the page is our own.
        self.process = subprocess.Popen(
            [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", f"--user-data-dir={self.folder}", "--remote-debugging-pipe", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=False,
            preexec_fn=descriptors)
        os.close(to_read)
        os.close(to_write)
        self.buffer, self.events, self.number, self.session = b"", [], 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        os.close(self.to)  # it leaves when the pipe ends
        os.close(self.back)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _message(self):
        while b"\0" not in self.buffer:
            more = os.read(self.back, 1 << 16)
            if not more:
                raise RuntimeError("Chromium has gone")
            self.buffer += more
        text, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, path, width, height=844, dark=False):
        self.events.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=f"file://{os.path.abspath(path)}")
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def ask(self, expression):
        """The value of a JavaScript expression; what it throws is an error here."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def complaints(self):
        """Errors and warnings of the page since open()."""
        self.ask("new Promise(done => setTimeout(done, 0))")
        found = []
        for event in self.events:
            name, what = event.get("method"), event.get("params", {})
            if name == "Runtime.exceptionThrown":
                found.append(what["exceptionDetails"].get("exception", {}).get("description", "exception"))
            elif name == "Runtime.consoleAPICalled" and what["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(what["args"]))
            elif name == "Log.entryAdded" and what["entry"]["level"] in ("error", "warning"):
                found.append(what["entry"]["text"])
        return found

    def faults(self):
        """What is wrong with a page, whatever it is about; what it said on the console, too."""
        return self.ask(FAULTS) + self.complaints()

    def save_picture(self, path, whole=True):
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))
