"""What the benchmarks share: servers that end with their block, and namespaces in which everything ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

MANIFESTS = ["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json",
             "application/vnd.docker.distribution.manifest.v2+json",
             "application/vnd.docker.distribution.manifest.list.v2+json"]
PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
ESGZ = os.environ.get("ESGZ", os.path.join(PROJECT, ".build/release/esgz"))


def say(text):
    print(f"benchmark: {text}", file=sys.stderr, flush=True)


def missing(what):
    say(f"missing: {what}")
    sys.exit(77)


def layer_bytes(manifest, resolve):
    """The sum of the layers' sizes of a manifest or of what an index names."""
    return (sum(layer["size"] for layer in manifest.get("layers", []))
            + sum(resolve(child["digest"]) for child in manifest.get("manifests", [])))


class Server:
    """A program that runs until its `with` block ends."""

    def __init__(self, command, log, ready):
        self.command, self.log, self.ready = command, log, ready

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.process.pid
        end = time.monotonic() + 20
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                with open(self.log, errors="replace") as log:
                    say(f"{self.command[0]} does not start:\n{log.read()[-2000:]}")
                sys.exit(1)
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Registry(Server):
    """docker-registry with a storage of its own, removed at the end."""

    def __init__(self, work, name):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.host = "127.0.0.1:%d" % probe.getsockname()[1]
        self.storage = os.path.join(work, name)
        settings = os.path.join(work, name + ".yml")
        with open(settings, "w") as file:
            json.dump({"version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
                       "storage": {"filesystem": {"rootdirectory": self.storage}},
                       "http": {"addr": self.host}}, file)
        super().__init__(["docker-registry", "serve", settings], os.path.join(work, name + ".log"), self.answers)

    def answers(self):
        try:
            return urllib.request.urlopen(f"http://{self.host}/v2/", timeout=2).status == 200
        except OSError:
            return False

    def layer_bytes(self, reference):
        request = urllib.request.Request(f"http://{self.host}/v2/image/manifests/{reference}",
                                         headers={"Accept": ", ".join(MANIFESTS)})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return layer_bytes(json.load(answer), self.layer_bytes)

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.storage, ignore_errors=True)


class Containerd(Server):
    def __init__(self, work, settings_more=""):
        self.root, self.socket = os.path.join(work, "root"), os.path.join(work, "c.sock")
        settings = os.path.join(work, "containerd.toml")
        with open(settings, "w") as file:
            file.write(f'version = 2\nroot = "{self.root}"\nstate = "{work}/state"\n'
                       'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n'
                       f'[grpc]\naddress = "{self.socket}"\n[ttrpc]\naddress = "{work}/t.sock"\n'
                       '[debug]\nlevel = "warn"\n' + settings_more)
        super().__init__(["containerd", "--config", settings], os.path.join(work, "containerd.log"), self.answers)

    def answers(self):
        return subprocess.run(["ctr", "--address", self.socket, "version"], timeout=20,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.root, ignore_errors=True)


def run_in_namespaces(programs, isolated=True):
    """Runs this very program again with `--inside DIR`, and ends with its exit status.

    In namespaces of its own, which need root: with them, every process and mount ends.
    """
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for program in [*programs, *(["setpriv", "unshare"] if isolated else [])]:
        if shutil.which(program) is None:
            missing(f"the program {program}")
    command = [sys.executable, os.path.realpath(sys.argv[0]), *sys.argv[1:], "--inside"]
    if isolated:
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
                   "--mount", "--propagation", "private"] + command
    work = tempfile.mkdtemp(prefix="bench.")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    process = subprocess.Popen([*command, work])
    try:
        sys.exit(process.wait())
    finally:
        process.kill() if isolated else process.terminate()
        process.wait()
        for _ in range(10):
            shutil.rmtree(work, ignore_errors=True)
            if not os.path.exists(work):
                break
            time.sleep(0.3)
