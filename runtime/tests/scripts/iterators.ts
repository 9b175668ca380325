// Lazy sequences: generators, helpers of iterators, asynchronous ones, a class that can be iterated.

function* naturals(from = 1): Generator<number, never> {
  for (let n = from; ; n++) yield n;
}

function* fibonacci(): Generator<bigint> {
  let [a, b] = [0n, 1n];
  while (true) {
    yield a;
    [a, b] = [b, a + b];
  }
}

class Tree<T> implements Iterable<T> {
  #root: Node<T> | undefined;
  size = 0;

  static of<T>(...values: T[]): Tree<T> {
    const tree = new Tree<T>();
    values.forEach((value) => tree.add(value));
    return tree;
  }

  add(value: T): this {
    const place = (node: Node<T> | undefined): Node<T> => {
      if (!node) {
        this.size += 1;
        return { value };
      }
      if (value < node.value) node.left = place(node.left);
      else if (value > node.value) node.right = place(node.right);
      return node;
    };
    this.#root = place(this.#root);
    return this;
  }

  *[Symbol.iterator](): Iterator<T> {
    const walk = function* (node?: Node<T>): Generator<T> {
      if (!node) return;
      yield* walk(node.left);
      yield node.value;
      yield* walk(node.right);
    };
    yield* walk(this.#root);
  }
}

interface Node<T> {
  value: T;
  left?: Node<T>;
  right?: Node<T>;
}

async function* chunked<T>(source: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of source) {
    if (chunk.push(item) === size) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

export default async function () {
  const primes = naturals(2).filter((n) => !naturals(2).take(Math.floor(Math.sqrt(n)) - 1).some((d) => n % d === 0));
  const tree = Tree.of(5, 2, 8, 2, 9, 1);
  const zipped = [...tree].map((value, i) => [value, [..."abcde"][i]] as const);
  const log: string[] = [];
  for await (const part of chunked([1, 2, 3, 4, 5], 2)) log.push(part.join("+"));
  const closed: string[] = [];
  const careful = (function* () {
    try {
      yield 1;
      yield 2;
    } finally {
      closed.push("closed");
    }
  })();
  for (const n of careful) if (n === 1) break;
  console.log(tree, tree[Symbol.iterator](), naturals());
  return {
    primes: primes.take(10).toArray(), fibonacci: fibonacci().drop(88).take(2).map(String).toArray(), tree: [...tree], size: tree.size,
    zipped, sum: naturals().take(100).reduce((a, b) => a + b), log, closed, from: await Array.fromAsync(chunked("abc", 2)),
    entries: Iterator.from(new Map([["k", 1]])).toArray(),
  };
}
