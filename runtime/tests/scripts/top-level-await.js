// Statements without a function around them: `await` and `return` at the top.
const { api } = input;
const ids = [1, 2, 3];
const users = await Promise.all(ids.map((id) => fetch(`${api}/users/${id}`).then((response) => response.json())));

console.log("loaded", users.length, "users");

if (users.some((user) => !user.name)) {
  return { error: "a user without a name" };
}

const longest = users.reduce((best, user) => (user.name.length > best.name.length ? user : best));
for (const user of users) {
  user.initial = user.name[0];
}

return { longest: longest.name, initials: users.map((user) => user.initial).join("") };
