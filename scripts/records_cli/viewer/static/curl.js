// A request as a curl command, for a shell. It names the environment variables that hold the
// credentials; their values never reach this page.

/** Return the command. `session` is what the server told of the caller. */
export function curl(session, method, url, { headers = {}, body } = {}) {
  const words = [
    "curl -sS",
    ...(method === "GET" ? [] : [`-X ${method}`]),
    ...credentials(session),
  ];
  for (const [name, value] of Object.entries(headers))
    words.push(`-H ${quote(`${name}: ${value}`)}`);
  if (body !== undefined) {
    words.push(`-H 'content-type: application/json'`, `--data-raw ${quote(ascii(body))}`);
  }
  return [...words, quote(url)].join(" \\\n  ");
}

function credentials(session) {
  if (session.auth === "none") return [];
  if (session.auth !== "sigv4") return ['-H "Authorization: Bearer $RECORDS_TOKEN"'];
  const token = session.hasSessionToken ? ['-H "x-amz-security-token: $AWS_SESSION_TOKEN"'] : [];
  return [
    `--aws-sigv4 ${quote(`aws:amz:${session.region}:execute-api`)}`,
    '--user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
    ...token,
  ];
}

/** Return a query string as curl must sign it: sorted, and with %20 for a blank. */
export function queryString(query) {
  const pairs = [...query].map(([name, value]) => `${encode(name)}=${encode(value)}`);
  return pairs.sort().join("&");
}

function encode(text) {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function quote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Return JSON text in ASCII, so that no invisible character is pasted into a terminal. */
function ascii(json) {
  return json.replace(
    /[\u007F-\uFFFF]/g,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
