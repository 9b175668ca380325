interface Input {
  name: string;
}

export default async function (input: Input | null) {
  const name: string = input?.name ?? "world";
  console.log("saying hello to", { name });
  return { greeting: `Hello, ${name}!` };
}
