"""An object store in this process: `shelf://bucket/name`, without folders and file modes."""

from __future__ import annotations

import io
from typing import ClassVar

from apache_beam.io.filesystem import FileMetadata, FileSystem


class ObjectStore(FileSystem):
    """Beam's file system of `shelf://`, found by its scheme as soon as this module is loaded."""

    objects: ClassVar[dict[str, bytes]] = {}

    @classmethod
    def scheme(cls):
        return "shelf"

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        head, _, tail = path.rpartition("/")
        return head, tail

    def has_dirs(self):
        return False

    def mkdirs(self, path):
        pass

    def _list(self, dir_or_prefix):
        for name, content in self.objects.items():
            if name.startswith(dir_or_prefix):
                yield FileMetadata(name, len(content))

    def create(self, path, mime_type="", compression_type="auto"):
        return _Upload(self.objects, path)

    def open(self, path, mime_type="", compression_type="auto"):
        if path not in self.objects:
            raise FileNotFoundError(path)
        return io.BytesIO(self.objects[path])

    def copy(self, source_file_names, destination_file_names):
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            self.objects[target] = self.objects[source]

    def rename(self, source_file_names, destination_file_names):
        self.copy(source_file_names, destination_file_names)
        self.delete(source_file_names)

    def exists(self, path):
        return path in self.objects

    def size(self, path):
        return len(self.objects[path])

    def last_updated(self, path):
        return 0.0

    def checksum(self, path):
        return str(hash(self.objects[path]))

    def metadata(self, path):
        return FileMetadata(path, self.size(path))

    def delete(self, paths):
        for path in paths:
            del self.objects[path]


class _Upload(io.BytesIO):
    """An object that is there once it is closed."""

    def __init__(self, objects, path):
        super().__init__()
        self._objects, self._path = objects, path

    def close(self):
        if not self.closed:
            self._objects[self._path] = self.getvalue()
        super().close()
