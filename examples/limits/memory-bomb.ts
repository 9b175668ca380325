// Ends at 64 MiB.
const all: string[] = [];
for (;;) all.push("x".repeat(10_000) + all.length);
