//! In: what stands behind `from` in an import. Out: what to use in the place of that module.
//! May touch: nothing.
//! Security boundary: no.

/// What a script can use instead; nothing for a module that is not known here.
pub fn instead_of(specifier: &str) -> Option<&'static str> {
    let package = package_of(specifier);
    package_advice(package).or_else(|| family_advice(package))
}

/// `node:fs/promises`, `npm:lodash@4/chunk` and `https://esm.sh/lodash@4` name the packages `fs` and `lodash`.
fn package_of(specifier: &str) -> &str {
    let mut rest = specifier;
    for prefix in ["node:", "npm:", "jsr:", "bun:"] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    if let Some(url) = rest.strip_prefix("https://") {
        rest = url.split_once('/').map_or("", |(_, path)| path);
        rest = rest.strip_prefix("npm/").unwrap_or(rest);
    }
    let scope = if rest.starts_with('@') { rest.find('/').map_or(0, |at| at + 1) } else { 0 };
    let end = rest.get(scope..).and_then(|name| name.find(['/', '@', '?'])).map_or(rest.len(), |at| scope + at);
    rest.get(..end).unwrap_or(rest)
}

const FILES: &str = "there are no files in Mayfly; take data from the script's input or from `fetch`, and give it back as the \
                     script's result";
const FETCH: &str = "use the global `fetch`";
const API: &str =
    "call the service's HTTP API with the global `fetch` (the bridge adds the credential), or use `tools.*`";
const DATABASE: &str =
    "there are no sockets in Mayfly; reach the database through `tools.*` or through an HTTP API with `fetch`";
const SOCKETS: &str = "there are no sockets and no servers in Mayfly; use the global `fetch`, and answer requests with `export \
                       default { async fetch(request) { ... } }`";
const PLAIN: &str = "use plain JavaScript: Array and Object methods, `Object.groupBy`, `Map.groupBy`, `structuredClone`, \
                     `toSorted`, spread";
const DATES: &str = "use `Date` and `Intl.DateTimeFormat`";
const IDS: &str = "use `crypto.randomUUID()`";
const CHECKS: &str = "check the value with plain JavaScript and throw an Error that says what is wrong";
const CONCURRENCY: &str =
    "use `Promise.all` and `Promise.allSettled`; calls beyond the limit in flight wait by themselves";
const CRYPTO: &str = "use the global `crypto`: `crypto.subtle`, `crypto.randomUUID()`, `crypto.getRandomValues()`";
const SERVER: &str = "answer requests with `export default { async fetch(request) { return new Response(...) } }`";
const CONSOLE: &str = "use `console.log`, which prints nested objects, and `console.table`";
const INPUT: &str = "there is no command line; the script's input is the parameter of the function it exports";
const PAGES: &str = "there is no HTML or XML parser in Mayfly; take an API that answers with JSON, or search the text with \
                     regular expressions";
const TEMPLATES: &str = "use template literals";
const BASE64: &str = "use the global `Buffer`, or `btoa` and `atob`";

fn package_advice(package: &str) -> Option<&'static str> {
    Some(match package {
        "fs" | "fs-extra" | "graceful-fs" | "glob" | "rimraf" | "tmp" | "mkdirp" => FILES,
        "path" | "pathe" | "upath" => {
            "join paths with template literals and `split(\"/\")`; for URLs use `new URL(relative, base)`"
        }
        "os" => "there is no operating system to ask in Mayfly; the end of a line is \"\\n\"",
        "crypto" | "crypto-js" | "bcrypt" | "bcryptjs" | "node-forge" | "tweetnacl" | "jsonwebtoken" | "jose"
        | "md5" | "sha.js" | "js-sha256" => CRYPTO,
        "child_process" | "cluster" | "execa" | "shelljs" | "cross-spawn" => {
            "there are no processes in Mayfly; use `tools.*`"
        }
        "worker_threads" => "there are no threads in Mayfly; calls run side by side with `Promise.all`",
        "http" | "https" | "http2" | "net" | "tls" | "dns" | "dgram" | "ws" | "socket.io-client" => SOCKETS,
        "axios" | "node-fetch" | "got" | "request" | "request-promise" | "superagent" | "ky" | "undici"
        | "cross-fetch" | "isomorphic-fetch" | "whatwg-fetch" | "needle" | "phin" | "bent" | "wretch" | "ofetch" => {
            FETCH
        }
        "lodash" | "lodash-es" | "underscore" | "ramda" | "remeda" | "radash" | "es-toolkit" => PLAIN,
        "moment" | "moment-timezone" | "dayjs" | "date-fns" | "date-fns-tz" | "luxon" => DATES,
        "uuid" | "nanoid" | "cuid" | "ulid" | "short-uuid" => IDS,
        "zod" | "joi" | "yup" | "ajv" | "validator" | "superstruct" | "valibot" | "io-ts" | "class-validator" => CHECKS,
        "buffer" | "base64-js" | "js-base64" | "safe-buffer" => BASE64,
        "url" | "whatwg-url" => "use the globals `URL` and `URLSearchParams`",
        "querystring" | "qs" | "query-string" => "use the global `URLSearchParams`",
        "util" => {
            "use `console.log` to print values, `structuredClone` to copy them, and `new Promise` in the place of promisify"
        }
        "events" | "eventemitter3" | "mitt" => "use the globals `EventTarget` and `CustomEvent`",
        "stream" | "readable-stream" => "use the web's streams: `ReadableStream`, `TransformStream`, `response.body`",
        "timers" | "delay" | "sleep" => {
            "use the global `setTimeout`: `await new Promise((done) => setTimeout(done, ms))`"
        }
        "assert" | "chai" | "jest" | "mocha" | "vitest" | "test" => {
            "throw an Error where something is not as it should be, or use `console.assert`"
        }
        "process" | "dotenv" | "config" => {
            "there is no environment in Mayfly; settings come with the script's input, and credentials are added by the bridge"
        }
        "perf_hooks" => "use the global `performance.now()`; the clock stands still between two awaits",
        "string_decoder" | "iconv-lite" => "use the global `TextDecoder`",
        "zlib" | "pako" | "fflate" => "use the globals `CompressionStream` and `DecompressionStream`",
        "jszip" | "archiver" | "tar" => "there is no reader of archives in Mayfly; ask for plain files",
        "readline" | "inquirer" | "prompts" => {
            "nobody can be asked while a script runs; its input is the parameter of the function it exports"
        }
        "commander" | "yargs" | "minimist" | "meow" => INPUT,
        "chalk" | "colors" | "picocolors" | "kleur" | "ora" | "cli-table3" | "winston" | "pino" | "debug"
        | "loglevel" => CONSOLE,
        "cheerio" | "jsdom" | "node-html-parser" | "parse5" | "xml2js" | "fast-xml-parser" | "linkedom"
        | "turndown" => PAGES,
        "puppeteer" | "playwright" | "selenium-webdriver" => {
            "there is no browser in Mayfly; use the site's API with `fetch`"
        }
        "csv-parse" | "csv-parser" | "papaparse" | "fast-csv" | "csv-stringify" | "xlsx" | "exceljs" => {
            "read and write CSV with plain JavaScript: split lines, mind quotes"
        }
        "js-yaml" | "yaml" | "toml" | "ini" => "use JSON, or read the few lines you need with plain JavaScript",
        "express" | "koa" | "fastify" | "hono" | "body-parser" | "cors" | "next" => SERVER,
        "openai" | "anthropic" | "googleapis" | "stripe" | "octokit" | "aws-sdk" | "twilio" | "nodemailer"
        | "firebase" | "firebase-admin" | "langchain" | "telegraf" | "discord.js" | "web3" | "ethers" => API,
        "pg" | "mysql" | "mysql2" | "mongodb" | "mongoose" | "redis" | "ioredis" | "sqlite" | "sqlite3"
        | "better-sqlite3" | "knex" | "sequelize" | "typeorm" | "drizzle-orm" | "prisma" => DATABASE,
        "p-limit" | "p-map" | "p-queue" | "p-retry" | "p-all" | "async" | "bluebird" | "async-retry" | "bottleneck"
        | "q" => CONCURRENCY,
        "rxjs" => "use async iterators and `for await`",
        "form-data" => "use the global `FormData`",
        "abort-controller" => "use the global `AbortController`",
        "mathjs" | "big.js" | "decimal.js" | "bignumber.js" | "bn.js" => "use numbers, `BigInt` and `Math`",
        "handlebars" | "mustache" | "ejs" | "pug" | "nunjucks" | "marked" | "markdown-it" | "dedent" => TEMPLATES,
        "react" | "react-dom" | "vue" | "svelte" | "d3" | "chart.js" => {
            "there is no page to draw on in Mayfly; give data back as the result"
        }
        "vm" | "module" | "v8" | "inspector" | "repl" | "async_hooks" | "diagnostics_channel" | "typescript" => {
            "there is no such access to the engine in Mayfly"
        }
        _ => return None,
    })
}

/// Scopes whose packages all want the same advice.
fn family_advice(package: &str) -> Option<&'static str> {
    let (scope, _) = package.split_once('/')?;
    Some(match scope {
        "@aws-sdk"
        | "@octokit"
        | "@slack"
        | "@google-cloud"
        | "@anthropic-ai"
        | "@azure"
        | "@notionhq"
        | "@linear"
        | "@hubspot"
        | "@sendgrid"
        | "@supabase"
        | "@langchain"
        | "@modelcontextprotocol"
        | "@ai-sdk" => API,
        "@prisma" | "@neondatabase" | "@upstash" | "@planetscale" => DATABASE,
        "@types" => "types need no import: everything that exists is declared",
        _ => return None,
    })
}
