// One feature of the client matrix by Node's fetch: reads what to ask from standard input, writes what came to standard output.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const asked = JSON.parse(readFileSync(0, "utf8"));
const body = asked.size === null ? undefined : Buffer.alloc(asked.size, asked.fill);

function pieces(bytes) {
  let place = 0;
  return new ReadableStream({
    pull(controller) {
      if (place >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(place, (place += 1000)));
    },
  });
}

async function ask(path, headers) {
  const options = { method: asked.method, headers, redirect: asked.follow ? "follow" : "manual" };
  if (body !== undefined) {
    options.body = asked.chunked ? pieces(body) : body;
    if (asked.chunked) options.duplex = "half";
  }
  const answer = await fetch(asked.base + path, options);
  const bytes = Buffer.from(await answer.arrayBuffer());
  const fields = [...answer.headers].filter(([name]) => name !== "set-cookie");
  for (const cookie of answer.headers.getSetCookie()) fields.push(["set-cookie", cookie]);
  return { status: answer.status, fields, digest: createHash("sha256").update(bytes).digest("hex"), size: bytes.length };
}

const first = await Promise.all(Array.from({ length: asked.times }, (_, n) => ask(asked.path.replace("{n}", n), asked.headers)));
if (asked.cookies) {
  const cookie = first[0].fields.filter(([name]) => name === "set-cookie").map(([, value]) => value.split(";")[0]).join("; ");
  first.push(await ask("/cookies", { ...asked.headers, cookie }));
}
console.log(JSON.stringify(first));
