// An HMAC-SHA256 signature over a canonical request, as APIs of clouds want it.

const encoder = new TextEncoder();
const hex = (buffer: ArrayBuffer) => Array.from(new Uint8Array(buffer), (b) => b.toString(16).padStart(2, "0")).join("");

async function hmac(key: Uint8Array | ArrayBuffer, data: string): Promise<ArrayBuffer> {
  const imported = await crypto.subtle.importKey("raw", new Uint8Array(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, encoder.encode(data));
}

async function sha256(data: string): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", encoder.encode(data)));
}

interface ToSign {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  date: string;
  secret: string;
}

async function sign({ method, url, headers, body, date, secret }: ToSign) {
  const { pathname, searchParams, host } = new URL(url);
  searchParams.sort();
  const all = Object.entries({ ...headers, host }).map(([name, value]) => [name.toLowerCase(), value.trim()] as const);
  all.sort(([a], [b]) => (a < b ? -1 : 1));
  const names = all.map(([name]) => name).join(";");
  const canonical = [method, pathname, searchParams.toString(), ...all.map((pair) => pair.join(":")), "", names, await sha256(body)].join("\n");
  const scope = `${date}/eu-central-1/things/request`;
  const text = ["MAYFLY4-HMAC-SHA256", date, scope, await sha256(canonical)].join("\n");
  let key: Uint8Array | ArrayBuffer = encoder.encode(`MAYFLY4${secret}`);
  for (const part of scope.split("/")) key = await hmac(key, part);
  const signature = await hmac(key, text);
  return { authorization: `Credential=demo/${scope}, SignedHeaders=${names}, Signature=${hex(signature)}`, short: btoa(String.fromCharCode(...new Uint8Array(signature))).slice(0, 12) };
}

export default async function (input: { api: string; secret: string }) {
  const body = JSON.stringify({ amount: 12, currency: "EUR" });
  const signed = await sign({
    method: "POST", url: "https://things.example/v1/charges?b=2&a=1", headers: { "Content-Type": "application/json" },
    body, date: "20240115", secret: input.secret,
  });
  const response = await fetch(`${input.api}/echo`, { method: "POST", headers: { "x-signature": signed.authorization }, body });
  const echoed = await response.json();
  return { ...signed, arrived: echoed.headers["x-signature"] === signed.authorization };
}
