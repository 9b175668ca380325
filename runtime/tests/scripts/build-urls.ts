// Addresses: built, taken apart, cleaned of tracking, made relative, put in order.

const TRACKING = /^(utm_|fbclid$|gclid$|ref$)/;

function clean(text: string): string {
  const url = new URL(text);
  for (const name of [...url.searchParams.keys()]) if (TRACKING.test(name)) url.searchParams.delete(name);
  url.searchParams.sort();
  url.hash = "";
  return url.href;
}

function query(parameters: Record<string, string | number | boolean | string[] | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) search.append(name, String(item));
  }
  return search.toString();
}

export default function ({ links }: { links: string[] }) {
  const valid = links.filter((link) => URL.canParse(link));
  const hosts = Map.groupBy(valid, (link) => new URL(link).hostname.replace(/^www\./, ""));
  const url = new URL("../reports/2024?draft=true#top", "https://user:secret@api.example.com:8443/v2/teams/");
  url.username = url.password = "";
  url.searchParams.set("draft", "false");
  url.searchParams.append("tag", "a&b");
  url.pathname += "/summary";
  console.log(url);
  console.log(url.searchParams);
  const { protocol, host, port, pathname, search, hash } = url;
  return {
    href: url.href, parts: { protocol, host, port, pathname, search, hash }, cleaned: valid.map(clean),
    hosts: Object.fromEntries([...hosts].map(([host, all]) => [host, all.length])),
    query: query({ q: "grüße & küsse", page: 2, exact: true, tag: ["x", "y z"], none: undefined }),
    decoded: Object.fromEntries(new URLSearchParams("a=1&b=%C3%A4+%2B&a=2")), invalid: links.length - valid.length,
    encoded: [encodeURIComponent("a/b?c=d é"), encodeURI("https://e.org/a b"), decodeURIComponent("%F0%9F%A6%8B")],
  };
}
