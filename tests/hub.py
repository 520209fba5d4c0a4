"""A stand-in for the hub on loopback: the few endpoints that an upload uses."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from .loopback import loopback_server


class Hub:
    """What was uploaded, and how to fail."""

    def __init__(self) -> None:
        self.repos: set[str] = set()
        self.files: dict[str, dict[str, bytes]] = {}
        self.objects: dict[str, bytes] = {}
        self.tokens: set[str | None] = set()
        self.failing: dict[str, int] = {}
        """Part of a path → status to answer with."""
        self.paths: list[str] = []
        self.url = ""


@contextmanager
def hub() -> Iterator[Hub]:
    """A running stand-in."""
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def _answer(self, content: Any, status: int = 200) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _refused(self) -> bool:
            state.paths.append(self.path)
            for part, status in state.failing.items():
                if part in self.path:
                    self._answer({"error": "the stand-in was told to fail"}, status)
                    return True
            return False

        def do_PUT(self) -> None:
            body = self._body()
            if not self._refused():
                oid = self.path.rpartition("/")[2]
                assert hashlib.sha256(body).hexdigest() == oid
                state.objects[oid] = body
                self._answer({})

        def do_GET(self) -> None:
            if self._refused():
                return
            if found := re.fullmatch(r"/api/models/(.+)/tree/main\?.*", self.path):
                files = state.files.get(found[1], {})
                sizes = {path: len(content) for path, content in files.items()}
                entries = [
                    {"type": "file", "path": path, "size": size, "oid": "0" * 40}
                    for path, size in sizes.items()
                ]
                self._answer(entries)
            else:
                self._answer({"error": "not found"}, 404)

        def do_POST(self) -> None:
            body = self._body()
            state.tokens.add(self.headers.get("Authorization"))
            if self._refused():
                return
            if self.path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked.get('organization') or 'me'}/{asked['name']}"
                known = name in state.repos
                state.repos.add(name)
                content = {"url": f"{state.url}/{name}", "id": name}
                self._answer(content, 409 if known else 200)
            elif self.path == "/api/validate-yaml":
                self._answer({"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                files = [
                    {
                        "path": file["path"],
                        "uploadMode": "lfs" if "safetensors" in file["path"] else "regular",
                        "shouldIgnore": False,
                    }
                    for file in json.loads(body)["files"]
                ]
                self._answer({"files": files})
            elif self.path.endswith("/info/lfs/objects/batch"):
                objects = [
                    {**o, "actions": {"upload": {"href": f"{state.url}/lfs/{o['oid']}"}}}
                    for o in json.loads(body)["objects"]
                ]
                self._answer({"transfer": "basic", "objects": objects})
            elif found := re.fullmatch(r"/api/models/(.+)/commit/main", self.path):
                files = state.files.setdefault(found[1], {})
                for line in filter(None, body.splitlines()):
                    entry = json.loads(line)
                    value = entry["value"]
                    if entry["key"] == "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    elif entry["key"] == "lfsFile":
                        files[value["path"]] = state.objects[value["oid"]]
                    elif entry["key"] == "deletedFile":
                        del files[value["path"]]
                self._answer(
                    {
                        "commitUrl": f"{state.url}/{found[1]}/commit/{'0' * 40}",
                        "commitOid": "0" * 40,
                        "success": True,
                    }
                )
            else:
                self._answer({"error": f"no such endpoint: {self.path}"}, 404)

    with loopback_server(Handler) as state.url:
        yield state
