"""Qdrant's own engine (segments, HNSW, payload indexes, IDF, optimizer), from its package `qdrant-edge-py`, behind the part
of Qdrant's REST interface that the vector driver uses.

The engine is real; this door is not Qdrant's. What the door decides itself (status codes, sentences, strict mode, the
limit of a body) follows exchanges recorded from a Qdrant 1.19.0. A collection is optimized when its description is
read after a change, once PATCH has set thresholds, where a server does so in the background.

    python3 qdrant-engine.py <port> <folder>          with QDRANT_ENGINE_KEY in the environment
"""
import json
import os
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote
from uuid import UUID

import qdrant_edge as q

VERSION = "1.19.0"
MOST_BYTES = 32 * 1024 * 1024
KEY = os.environ.get("QDRANT_ENGINE_KEY")


class Refused(Exception):
    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


def bad(sentence):
    return Refused(400, "Bad request: " + sentence)


class Collection:
    def __init__(self, folder, body):
        self.folder = folder
        self.body = body
        self.hnsw = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, **(body.get("hnsw_config") or {})}
        self.optimizers = {"indexing_threshold": 10000, **(body.get("optimizers_config") or {})}
        self.operation = 0
        self.dirty = False
        self.tuned = "optimizers_config" in body
        self.lock = threading.RLock()
        os.makedirs(folder)
        self.shard = q.EdgeShard.create(folder, self.config())

    def config(self):
        on_disk = bool(self.body.get("on_disk_payload", True))
        return q.EdgeConfig(
            vectors={
                name: q.EdgeVectorParams(
                    size=each["size"], distance=getattr(q.Distance, each["distance"]), on_disk=each.get("on_disk")
                )
                for name, each in (self.body.get("vectors") or {}).items()
            },
            sparse_vectors={
                name: q.EdgeSparseVectorParams(modifier=q.Modifier.Idf if each.get("modifier") == "idf" else None)
                for name, each in (self.body.get("sparse_vectors") or {}).items()
            },
            on_disk_payload=on_disk,
            hnsw_config=q.HnswIndexConfig(
                m=self.hnsw["m"],
                ef_construct=self.hnsw["ef_construct"],
                full_scan_threshold=self.hnsw["full_scan_threshold"],
                payload_m=self.hnsw.get("payload_m"),
                max_indexing_threads=1,
            ),
            optimizers=q.EdgeOptimizersConfig(
                indexing_threshold=self.optimizers["indexing_threshold"],
                default_segment_number=self.optimizers.get("default_segment_number") or 1,
            ),
        )

    def patch(self, body):
        with self.lock:
            self.hnsw.update(body.get("hnsw_config") or {})
            self.optimizers.update(body.get("optimizers_config") or {})
            if "metadata" in body:
                self.body["metadata"] = {**(self.body.get("metadata") or {}), **body["metadata"]}
            self.shard.flush()
            self.shard.close()
            self.shard = q.EdgeShard.load(self.folder, self.config())
            self.tuned = self.dirty = True

    def update(self, operation):
        with self.lock:
            self.shard.update(operation)
            self.operation += 1
            self.dirty = True
            return {"operation_id": self.operation, "status": "completed"}

    def indexes(self):
        return self.shard.info().payload_schema

    def describe(self):
        with self.lock:
            if self.dirty and self.tuned:
                self.shard.optimize()
                self.dirty = False
            info = self.shard.info()
            schema = {}
            for key, index in info.payload_schema.items():
                params = {"type": "keyword"}
                for name in ("is_tenant", "on_disk", "enable_hnsw", "prefix"):
                    value = getattr(index.params, name, None)
                    if value is not None:
                        params[name] = value
                schema[key] = {"data_type": "keyword", "params": params, "points": index.points}
            return {
                "status": "green",
                "optimizer_status": "ok",
                "indexed_vectors_count": info.indexed_vectors_count,
                "points_count": info.points_count,
                "segments_count": info.segments_count,
                "config": {
                    "params": {
                        "vectors": self.body.get("vectors") or {},
                        **({"sparse_vectors": self.body["sparse_vectors"]} if "sparse_vectors" in self.body else {}),
                        "shard_number": 1,
                        "on_disk_payload": self.body.get("on_disk_payload", True),
                    },
                    "hnsw_config": self.hnsw,
                    "optimizer_config": self.optimizers,
                    "strict_mode_config": self.body.get("strict_mode_config"),
                    **({"metadata": self.body["metadata"]} if "metadata" in self.body else {}),
                },
                "payload_schema": schema,
            }

    # What strict mode asks of a filter, in the sentences of the recorded server.
    def strict(self):
        return (self.body.get("strict_mode_config") or {}).get("enabled") is True

    def check(self, conditions):
        if not self.strict():
            return
        known = self.indexes()
        for each in conditions:
            key = each.get("key") or each.get("is_empty", {}).get("key")
            if key is not None and key not in known:
                raise bad(
                    'Index required but not found for "%s" of one of the following types: [keyword]. '
                    "Help: Create an index for this key or use a different filter." % key
                )

    def filter(self, given):
        if given is None:
            return None
        unknown = set(given) - {"must", "must_not", "should"}
        if unknown:
            raise Refused(400, "Format error in JSON body: unknown field `%s`" % unknown.pop())
        parts = {}
        for clause, conditions in given.items():
            self.check(conditions)
            nested = {"must", "must_not", "should"}
            parts[clause] = [self.filter(each) if nested & set(each) else condition(each) for each in conditions]
        return q.Filter(**parts)

    def tenanted(self, given):
        known = self.indexes()
        tenants = {key for key, index in known.items() if index.params is not None and index.params.is_tenant}
        return any(each.get("key") in tenants for each in (given or {}).get("must", []))

    def query(self, body):
        if "prefetch" in body:
            raise bad("This stand-in has no prefetch.")
        query, using, given = body["query"], body["using"], body.get("filter")
        params = body.get("params") or {}
        if isinstance(query, dict):
            if using not in (self.body.get("sparse_vectors") or {}):
                raise Refused(400, "Wrong input: Not existing vector name error: %s" % using)
            vector = q.SparseVector(query["indices"], query["values"])
        else:
            named = (self.body.get("vectors") or {}).get(using)
            if named is None:
                raise Refused(400, "Wrong input: Not existing vector name error: %s" % using)
            if named["size"] != len(query):
                raise Refused(
                    400, "Wrong input: Vector dimension error: expected dim: %d, got %d" % (named["size"], len(query))
                )
            if self.strict() and self.hnsw["m"] == 0 and not self.tenanted(given):
                raise bad(
                    "Request is forbidden on '%s' because global vector indexing is disabled (hnsw_config.m = 0). Help: Use "
                    "tenant-specific filter, enable global vector indexing or enable strict mode `search_allow_exact` option" % using
                )
            vector = query
        idf = params.get("idf")
        return q.QueryRequest(
            query=q.Query.Nearest(vector, using=using),
            filter=self.filter(given),
            limit=body.get("limit", 10),
            with_payload=payload(body.get("with_payload", False)),
            params=q.SearchParams(
                exact=bool(params.get("exact", False)),
                hnsw_ef=params.get("hnsw_ef"),
                idf=None if idf is None else q.IdfParams(corpus=self.filter(idf.get("corpus"))),
            ),
        )


def condition(each):
    if "has_id" in each:
        return q.HasIdCondition({point_id(point) for point in each["has_id"]})
    if "is_empty" in each:
        return q.IsEmptyCondition(each["is_empty"]["key"])
    if "range" in each:
        bounds = each["range"]
        moments = any(isinstance(bound, str) for bound in bounds.values())
        return q.FieldCondition(each["key"], range=(q.RangeDateTime if moments else q.RangeFloat)(**bounds))
    match = each["match"]
    if "value" in match:
        return q.FieldCondition(each["key"], match=q.MatchValue(match["value"]))
    if "any" in match:
        return q.FieldCondition(each["key"], match=q.MatchAny(match["any"]))
    if "prefix" in match:
        return q.FieldCondition(each["key"], match=q.MatchPrefix(match["prefix"]))
    raise Refused(400, "Format error in JSON body: data did not match any variant of untagged enum MatchInterface")


def point_id(given):
    """A number or a UUID, as Qdrant takes ids."""
    return given if isinstance(given, int) else UUID(given)


def shown_id(kept):
    return kept if isinstance(kept, int) else str(kept)


def payload(wanted):
    return q.PayloadSelector.Include(wanted) if isinstance(wanted, list) else wanted


def plain(vector):
    if isinstance(vector, dict):
        return {name: plain(each) for name, each in vector.items()}
    if isinstance(vector, q.SparseVector):
        return {"indices": list(vector.indices), "values": list(vector.values)}
    return vector


def record(point):
    found = {"id": shown_id(point.id)}
    if getattr(point, "score", None) is not None:
        found["score"] = point.score
    if point.payload is not None:
        found["payload"] = point.payload
    if point.vector is not None:
        found["vector"] = plain(point.vector)
    return found


def point(given):
    vectors = {
        name: q.SparseVector(each["indices"], each["values"]) if isinstance(each, dict) else each
        for name, each in given["vector"].items()
    }
    return q.Point(point_id(given["id"]), vectors, given.get("payload") or {})


class Collections:
    def __init__(self, folder):
        self.folder = folder
        self.made = 0
        self.by_name = {}
        self.lock = threading.Lock()

    def __getitem__(self, name):
        found = self.by_name.get(name)
        if found is None:
            raise Refused(404, "Not found: Collection `%s` doesn't exist!" % name)
        return found

    def create(self, name, body):
        with self.lock:
            if name in self.by_name:
                raise Refused(409, "Wrong input: Collection `%s` already exists!" % name)
            self.made += 1
            self.by_name[name] = Collection(os.path.join(self.folder, str(self.made)), body)
            return True

    def delete(self, name):
        with self.lock:
            found = self.by_name.pop(name, None)
            if found is None:
                return False
            with found.lock:
                found.shard.close()
            shutil.rmtree(found.folder, ignore_errors=True)
            return True


def answer(collections, method, path, body):
    if (method, path) == ("GET", ["collections"]):
        return {"collections": [{"name": each} for each in collections.by_name]}
    if len(path) < 2 or path[0] != "collections":
        raise Refused(404, None)
    name, rest = path[1], "/".join(path[2:])
    if (method, rest) == ("PUT", ""):
        return collections.create(name, body)
    if (method, rest) == ("DELETE", ""):
        return collections.delete(name)
    if (method, rest) == ("GET", "exists"):
        return {"exists": name in collections.by_name}
    collection = collections[name]
    if (method, rest) == ("GET", ""):
        return collection.describe()
    if (method, rest) == ("PATCH", ""):
        collection.patch(body)
        return True
    if (method, rest) == ("PUT", "index"):
        schema = body["field_schema"]
        params = {key: value for key, value in schema.items() if key != "type"} if isinstance(schema, dict) else {}
        return collection.update(q.UpdateOperation.create_field_index(body["field_name"], q.KeywordIndexParams(**params)))
    if method == "DELETE" and path[2] == "index":
        return collection.update(q.UpdateOperation.delete_field_index(path[3]))
    if (method, rest) == ("PUT", "points"):
        return collection.update(q.UpdateOperation.upsert_points([point(each) for each in body["points"]]))
    if method != "POST":
        raise Refused(404, None)
    if rest == "points/query":
        return {"points": [record(each) for each in collection.shard.query(collection.query(body))]}
    if rest == "points/query/batch":
        queries = [collection.query(each) for each in body["searches"]]
        return [{"points": [record(each) for each in collection.shard.query(query)]} for query in queries]
    if rest == "points":
        ids = [point_id(each) for each in body["ids"]]
        found = collection.shard.retrieve(ids, payload(body.get("with_payload", False)), body.get("with_vector", False))
        return [record(each) for each in found]
    if rest == "points/scroll":
        offset = body.get("offset")
        found, following = collection.shard.scroll(
            q.ScrollRequest(
                offset=None if offset is None else point_id(offset),
                limit=body.get("limit", 10),
                filter=collection.filter(body.get("filter")),
                with_payload=payload(body.get("with_payload", True)),
                with_vector=body.get("with_vector", False),
            )
        )
        return {
            "points": [record(each) for each in found],
            "next_page_offset": None if following is None else shown_id(following),
        }
    if rest == "points/count":
        return {"count": collection.shard.count(q.CountRequest(exact=body.get("exact", True), filter=collection.filter(body.get("filter"))))}
    if rest == "points/delete":
        if "points" in body:
            return collection.update(q.UpdateOperation.delete_points([point_id(each) for each in body["points"]]))
        return collection.update(q.UpdateOperation.delete_points_by_filter(collection.filter(body["filter"])))
    if rest == "points/payload/delete":
        ids = [UUID(each) for each in body["points"]]
        return collection.update(q.UpdateOperation.delete_payload(ids, body["keys"]))
    if rest == "points/batch":
        results = []
        for each in body["operations"]:
            written = each["set_payload"]
            ids = [UUID(point) for point in written["points"]]
            results.append(collection.update(q.UpdateOperation.set_payload(ids, written["payload"])))
        return results
    raise Refused(404, None)


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body, plain_text=False):
        data = body.encode() if plain_text else json.dumps(body).encode() if body is not None else b""
        self.send_response(status)
        self.send_header("content-type", "text/plain" if plain_text else "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_any(self):
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length)
        path = [unquote(part) for part in self.path.split("?")[0].split("/") if part]
        if not path and self.command == "GET":
            return self.send(200, {"title": "qdrant-edge behind a stand-in for Qdrant's door", "version": VERSION})
        if KEY and self.headers.get("api-key") != KEY:
            return self.send(401, "Invalid API key or JWT", plain_text=True)
        try:
            if length > MOST_BYTES:
                raise Refused(400, "Payload error: JSON payload (%d bytes) is larger than allowed (limit: %d bytes)." % (length, MOST_BYTES))
            result = answer(self.server.collections, self.command, path, json.loads(raw) if raw else {})
            self.send(200, {"result": result, "status": "ok", "time": 0})
        except Refused as refused:
            sentence = str(refused)
            self.send(refused.status, None if sentence == "None" else {"status": {"error": sentence}, "time": 0})
        except json.JSONDecodeError as error:
            self.send(400, {"status": {"error": "Format error in JSON body: %s" % error}, "time": 0})
        except Exception as error:  # The engine's own refusals have no class of their own.
            self.send(400, {"status": {"error": "Wrong input: %s" % error}, "time": 0})

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = handle_any


def main():
    port, folder = int(sys.argv[1]), sys.argv[2]
    os.makedirs(folder, exist_ok=True)
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", port), Door)
    server.collections = Collections(folder)
    server.serve_forever()


main()
