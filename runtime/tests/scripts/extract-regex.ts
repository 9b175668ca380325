// Pulls names, addresses, prices and dates out of prose.

const EMAIL = /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g;
const PRICE = /(?<currency>[€$£])\s?(?<amount>\d{1,3}(?:[.,\s]\d{3})*(?:[.,]\d{2})?)/gu;
const DATE = /\b(?<day>\d{1,2})\.\s?(?<month>\d{1,2})\.\s?(?<year>\d{4})\b|\b(?<iso>\d{4}-\d{2}-\d{2})\b/g;
const HASHTAG = /(?<=^|\s)#(\p{L}[\p{L}\p{N}_]*)/gu;

const number = (text: string): number => {
  const plain = text.replace(/\s/g, "");
  const decimal = /[.,]\d{2}$/.test(plain) ? plain.at(-3)! : "";
  const [whole = "", cents = "00"] = decimal === "" ? [plain] : [plain.slice(0, -3), plain.slice(-2)];
  return Number(`${whole.replace(/[.,]/g, "")}.${cents}`);
};

const iso = (groups: Record<string, string | undefined>) =>
  groups.iso ?? `${groups.year}-${groups.month!.padStart(2, "0")}-${groups.day!.padStart(2, "0")}`;

function parseLog(line: string) {
  const match = /^\[(?<time>[^\]]+)\]\s+(?<level>[A-Z]+)\s+(?<module>[\w.]+):\s+(?<message>.*)$/.exec(line);
  if (!match?.groups) return undefined;
  const fields = Object.fromEntries([...match.groups.message!.matchAll(/(\w+)=("[^"]*"|\S+)/g)].map(([, key, value]) => [key, value!.replace(/^"|"$/g, "")]));
  return { ...match.groups, fields };
}

export default function ({ text, log }: { text: string; log: string[] }) {
  const sticky = /\d+/y;
  sticky.lastIndex = 3;
  console.log(/(\d+)-(?<word>\w+)/.exec("42-abc"));
  return {
    emails: [...new Set(text.match(EMAIL)?.map((e) => e.toLowerCase()))],
    prices: [...text.matchAll(PRICE)].map(({ groups }) => ({ currency: groups!.currency, amount: number(groups!.amount!) })),
    dates: [...text.matchAll(DATE)].map(({ groups }) => iso(groups!)),
    tags: Array.from(text.matchAll(HASHTAG), ([, tag]) => tag),
    masked: text.replace(EMAIL, (email) => email.replace(/^(.).*(@)/, "$1***$2")).slice(0, 60),
    log: log.map(parseLog).filter((entry) => entry !== undefined),
    camel: "some_snake-case text".replace(/[_\-\s]+(\w)/g, (_, c: string) => c.toUpperCase()),
    words: "The quick  brown fox".split(/\s+/).map((w) => w.length), sticky: sticky.exec("abc123")?.[0],
    swapped: "Doe, Jane".replace(/(\w+), (\w+)/, "$2 $1"),
  };
}
