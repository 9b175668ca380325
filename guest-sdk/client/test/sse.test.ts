// In: event streams cut at every place. Out: whether the parser reads them as the HTML standard does.
// May touch: nothing. Security boundary: no.

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventParser, MayflyError, type ServerSentEvent } from "@mayfly/client";

const encoder = new TextEncoder();

function parsed(pieces: Uint8Array[]): ServerSentEvent[] {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.push(piece));
}

function events(text: string): ServerSentEvent[] {
  return parsed([encoder.encode(text)]);
}

const message = (data: string, more: Partial<ServerSentEvent> = {}) => ({ event: "message", data, id: "", ...more });

test("streams are read as the standard has them", () => {
  const table: [string, ServerSentEvent[]][] = [
    ["data: a\n\n", [message("a")]],
    ["data:a\r\rdata:b\r\n\r\n", [message("a"), message("b")]],
    ["data: a\ndata: b\n\n", [message("a\nb")]],
    ["data:  two\n\n", [message(" two")]],
    ["data\n\n", [message("")]],
    ["data\ndata\n\n", [message("\n")]],
    [": comment\n\ndata: a\n\n", [message("a")]],
    ["event: log\ndata: {}\n\n", [{ event: "log", data: "{}", id: "" }]],
    ["event: log\n\ndata: x\n\n", [message("x")]],
    ["id: 1\ndata: a\n\ndata: b\n\n", [message("a", { id: "1" }), message("b", { id: "1" })]],
    ["id: 1\0\ndata: a\n\n", [message("a")]],
    ["retry: 10\nunknown: x\ndata: a\n\n", [message("a")]],
    ["\uFEFFdata: a\n\n", [message("a")]],
    ["data: \uFEFFa\n\n", [message("\uFEFFa")]],
    ["data: not ended\n", []],
    ["data: a:b: c\n\n", [message("a:b: c")]],
  ];
  for (const [text, expected] of table) assert.deepEqual(events(text), expected, JSON.stringify(text));
});

test("it does not matter where the stream is cut", () => {
  const text = "\uFEFFid: 7\r\nevent: log\rdata: é–😀\ndata:  z\r\ndata: y\r\n\r\n: c\r\ndata: {\"a\":\"\u2028\"}\n\nevent: result\r\rdata: last\r\r";
  const bytes = encoder.encode(text);
  const whole = parsed([bytes]);
  assert.equal(whole.length, 3);
  for (let at = 0; at <= bytes.length; at += 1) {
    assert.deepEqual(parsed([bytes.subarray(0, at), bytes.subarray(at)]), whole, `cut at ${at}`);
    for (let second = at; second <= bytes.length; second += 1) {
      assert.deepEqual(parsed([bytes.subarray(0, at), bytes.subarray(at, second), bytes.subarray(second)]), whole, `cut at ${at} and ${second}`);
    }
  }
  assert.deepEqual(parsed([...bytes].map((byte) => Uint8Array.of(byte))), whole);
});

test("an event that does not end is not kept for ever", () => {
  const parser = new EventParser();
  const piece = encoder.encode("x".repeat(1 << 20));
  parser.push(encoder.encode("data: "));
  assert.throws(() => {
    for (let at = 0; at < 65; at += 1) parser.push(piece);
  }, (thrown) => thrown instanceof MayflyError && thrown.kind === "protocol");
});
