// In: Intl.Segmenter. Out: the characters, words or sentences of a text.
// May touch: nothing outside.
// Security boundary: no.

import { intl } from "./intl-native.ts";
import { finish } from "./intl-class.ts";
import { canonicalList, resolve, supportedLocalesOf } from "./intl-locales.ts";
import { asObject, checkMatcher, choice } from "./intl-options.ts";

interface Segment {
  segment: string;
  index: number;
  input: string;
  isWordLike?: boolean;
}

class SegmenterClass {
  #locale: string;
  #granularity: string;

  constructor(locales?: unknown, given?: unknown) {
    const requested = canonicalList(locales);
    const options = asObject(given);
    checkMatcher(options);
    const { data } = resolve("Segmenter", requested);
    this.#locale = data;
    this.#granularity = choice(options, "granularity", ["grapheme", "word", "sentence"], "grapheme");
  }

  segment(input?: unknown): Segments {
    return new Segments(String(input), this.#granularity);
  }

  resolvedOptions(): object {
    return { locale: this.#locale, granularity: this.#granularity };
  }
}

export const Segmenter = finish(SegmenterClass, "Segmenter", { supportedLocalesOf });

class Segments {
  #input: string;
  #granularity: string;
  /** Of each segment; 0.5 more where it is a word. */
  #ends: number[];

  constructor(input: string, granularity: string) {
    const foreign = granularity === "word" ? intl.needsDictionary(input) : undefined;
    if (foreign !== undefined) {
      throw new RangeError(`Intl.Segmenter has no dictionary to find the words of this script with ('${foreign}'); granularity "grapheme" works for it.`);
    }
    this.#input = input;
    this.#granularity = granularity;
    this.#ends = intl.segment(input, granularity);
  }

  containing(index?: unknown): Segment | undefined {
    const at = Math.trunc(Number(index)) || 0;
    if (at < 0 || at >= this.#input.length) return undefined;
    let [low, high] = [0, this.#ends.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Math.floor(this.#ends[middle] as number) > at) high = middle;
      else low = middle + 1;
    }
    return this.#at(low);
  }

  *[Symbol.iterator](): Generator<Segment> {
    for (let at = 0; at < this.#ends.length; at++) yield this.#at(at);
  }

  #at(at: number): Segment {
    const index = Math.floor(this.#ends[at - 1] ?? 0);
    const end = this.#ends[at] as number;
    const segment = this.#input.slice(index, Math.floor(end));
    const word = this.#granularity === "word" ? { isWordLike: end % 1 !== 0 } : {};
    return { segment, index, input: this.#input, ...word };
  }
}
