// Ranks documents for a query by TF-IDF, with highlights.

interface Document {
  id: string;
  title: string;
  text: string;
}

const STOP = new Set("a an and are as at be by for in is it of on or that the to with".split(" "));

const tokens = (text: string): string[] =>
  (text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").match(/[\p{L}\p{N}]+/gu) ?? [])
    .filter((word) => !STOP.has(word))
    .map((word) => word.replace(/(?:ing|ed|es|s)$/u, (end) => (word.length - end.length > 2 ? "" : end)));

class Index {
  readonly #postings = new Map<string, Map<string, number>>();
  readonly #lengths = new Map<string, number>();

  constructor(private readonly documents: readonly Document[]) {
    for (const { id, title, text } of documents) {
      const words = [...tokens(title), ...tokens(title), ...tokens(text)];
      this.#lengths.set(id, words.length);
      for (const word of words) {
        const posting = this.#postings.get(word) ?? new Map<string, number>();
        this.#postings.set(word, posting.set(id, (posting.get(id) ?? 0) + 1));
      }
    }
  }

  search(query: string, limit = 3): { id: string; score: number; excerpt: string }[] {
    const scores = new Map<string, number>();
    const words = [...new Set(tokens(query))];
    for (const word of words) {
      const posting = this.#postings.get(word);
      if (!posting) continue;
      const idf = Math.log(1 + this.documents.length / posting.size);
      for (const [id, count] of posting) {
        scores.set(id, (scores.get(id) ?? 0) + (count / this.#lengths.get(id)!) * idf);
      }
    }
    return [...scores]
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([id, score]) => ({ id, score: Math.round(score * 1000) / 1000, excerpt: this.#excerpt(id, words) }));
  }

  #excerpt(id: string, words: string[]): string {
    const { text } = this.documents.find((d) => d.id === id)!;
    const marked = text.replace(/[\p{L}\p{N}]+/gu, (word) => (words.includes(tokens(word)[0] ?? "") ? `**${word}**` : word));
    const at = Math.max(marked.indexOf("**") - 20, 0);
    return `${at > 0 ? "…" : ""}${marked.slice(at, at + 60).trim()}${at + 60 < marked.length ? "…" : ""}`;
  }
}

export default async function ({ api, queries }: { api: string; queries: string[] }) {
  const documents: Document[] = await (await fetch(`${api}/docs`)).json();
  const index = new Index(documents);
  const found = queries.map((query) => ({ query, hits: index.search(query) }));
  console.dir(found, { depth: null });
  return found;
}
