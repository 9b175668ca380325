// In: an event stream in pieces, cut anywhere. Out: its events (HTML standard, section 9.2.6).
// May touch: nothing.
// Security boundary: no, but an event is bounded: the server cannot fill this process's memory with one.

import { MayflyError } from "./errors.js";
import { EVENT_CHARS_MAX } from "./limits.js";

export interface ServerSentEvent {
  /** `message` where the stream names none. */
  event: string;
  data: string;
  /** The last one that the stream has named, with this event or before. */
  id: string;
}

/** Parses incrementally: give it each piece, and take the events that it completes. An event without its blank line is none. */
export class EventParser {
  // Bytes of a character that is not complete yet stay in the decoder; it also takes the one byte order mark.
  readonly #decoder = new TextDecoder();
  #line = "";
  /** The last piece ended in a carriage return: a line feed at the start of the next belongs to it. */
  #after_return = false;
  #event = "";
  #data: string[] = [];
  #chars = 0;
  #id = "";

  push(bytes: Uint8Array): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === "") return events;
    if (this.#after_return && text.startsWith("\n")) text = text.slice(1);
    this.#after_return = text === "" ? false : text.endsWith("\r");
    const lines = text.split(/\r\n|\n|\r/);
    const rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = this.#take(this.#line + line);
      this.#line = "";
      if (event !== undefined) events.push(event);
    }
    this.#line += rest;
    this.#bound(this.#line.length);
    return events;
  }

  #take(line: string): ServerSentEvent | undefined {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") this.#event = value;
    else if (field === "id") this.#id = value.includes("\0") ? this.#id : value;
    else if (field === "data") {
      this.#chars += value.length + 1;
      this.#bound(0);
      this.#data.push(value);
    }
    return undefined;
  }

  #dispatch(): ServerSentEvent | undefined {
    const [event, data] = [this.#event, this.#data];
    [this.#event, this.#data, this.#chars] = ["", [], 0];
    return data.length === 0 ? undefined : { event: event === "" ? "message" : event, data: data.join("\n"), id: this.#id };
  }

  #bound(more: number): void {
    if (this.#chars + more <= EVENT_CHARS_MAX) return;
    throw new MayflyError("protocol", `an event of the stream is longer than ${EVENT_CHARS_MAX} characters`);
  }
}
