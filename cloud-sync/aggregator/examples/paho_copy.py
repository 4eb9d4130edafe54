#!/usr/bin/env python3
"""The usual way, for comparison: paho-mqtt receives, psycopg copies into PostgreSQL, a watermark answers.

    paho_copy.py --broker 127.0.0.1:1883 --database 'host=/tmp/x user=u dbname=d'

Debian: python3-paho-mqtt python3-psycopg2 python3-zstandard. It commits what has come meanwhile in one
COPY, at most 256 messages, and answers after the commit, as trunkside-cloud does. It knows no
duplicates, no gaps and no tenants.
"""
import argparse
import io
import json
import queue
import threading

import paho.mqtt.client as mqtt
import psycopg2
import zstandard

parser = argparse.ArgumentParser()
parser.add_argument("--broker", required=True)
parser.add_argument("--database", required=True)
arguments = parser.parse_args()
host, port = arguments.broker.rsplit(":", 1)

database = psycopg2.connect(arguments.database)
cursor = database.cursor()
cursor.execute(
    "CREATE TABLE IF NOT EXISTS peer (tenant text, branch text, device text, epoch bigint,"
    " sequence bigint, at timestamptz, intent text, emotion text, outcome text, body jsonb)"
)
database.commit()
messages = queue.Queue(maxsize=4096)


def cell(value):
    if value is None:
        return "\\N"
    text = str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def on_connect(client, _userdata, _flags, _code):
    client.subscribe("trunkside/v1/+/+/+/metric", qos=1)


subscribed = threading.Event()
client = mqtt.Client("peer")
client.on_connect = on_connect
client.on_subscribe = lambda *_: subscribed.set()
client.on_message = lambda _client, _userdata, message: messages.put(message)
client.connect(host, int(port))
client.loop_start()
unfold = zstandard.ZstdDecompressor()
subscribed.wait()
print("ready", flush=True)
while True:
    batch = [messages.get()]
    while len(batch) < 256 and not messages.empty():
        batch.append(messages.get())
    rows, watermarks = io.StringIO(), {}
    for message in batch:
        payload = message.payload
        if payload[:4] == b"\x28\xb5\x2f\xfd":
            payload = unfold.decompress(payload, max_output_size=4 << 20)
        content = json.loads(payload)
        names = [content["tenant"], content["branch"], content["device"]]
        for entry in content["records"]:
            body = entry["body"]
            row = names + [
                content["epoch"], entry["sequence"], entry["at"],
                (body.get("intent") or {}).get("name"), (body.get("mood") or {}).get("emotion"),
                body.get("outcome"), json.dumps(body),
            ]
            rows.write("\t".join(cell(value) for value in row) + "\n")
            watermarks[tuple(names), content["epoch"]] = entry["sequence"]
    rows.seek(0)
    cursor.copy_expert("COPY peer FROM STDIN", rows)
    database.commit()
    for (names, epoch), sequence in watermarks.items():
        answer = json.dumps({"epoch": epoch, "sequence": sequence})
        client.publish("trunkside/v1/" + "/".join(names) + "/ack", answer, qos=1)
