// Requests to the viewer's server, which signs those to the API, and errors with a remedy.

/** An error that people can act on; `kind` is the last part of its `type`. */
class Problem extends Error {
  constructor({
    status = 0,
    kind = "",
    title,
    detail = "",
    remedy = "",
    requestId = "",
    errors = [],
  }) {
    super(title);
    Object.assign(this, { status, kind, title, detail, remedy, requestId, errors });
  }
}

const STOPPED = {
  kind: "stopped",
  title: "The viewer has stopped",
  detail: "Its server on this machine does not respond.",
  remedy: "Run `records open` again, and use the link that it prints.",
};

/** Send a request; return `{status, etag, text, headers}`. Throws a Problem for errors. */
export async function call(method, path, { query, body, headers = {}, signal } = {}) {
  const text = query && [...query].length ? `?${query}` : "";
  const sent = body === undefined ? headers : { "content-type": "application/json", ...headers };
  let response;
  let content;
  try {
    response = await fetch(`${path}${text}`, { method, body, headers: sent, signal });
    content = await response.text();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(
      navigator.onLine === false ? { ...STOPPED, title: "You are offline" } : STOPPED,
    );
  }
  if (response.status >= 400) throw explain(response, content);
  return {
    status: response.status,
    etag: response.headers.get("etag"),
    text: content,
    headers: response.headers,
  };
}

/** Return the URL path of a record below /api. */
export function recordPath(id, rest = "") {
  return `/api/records/${encodeURIComponent(id)}${rest}`;
}

function explain(response, text) {
  let content = {};
  try {
    content = JSON.parse(text);
  } catch {
    // A proxy's page: the status has to be enough.
  }
  const status = response.status;
  const kind = typeof content.type === "string" ? content.type.split(":").at(-1) : "gateway";
  const known = KINDS[kind] ?? STATUSES[status] ?? {};
  return new Problem({
    status,
    kind,
    title: known.title ?? content.title ?? `The API responded with ${status}`,
    detail: content.detail ?? content.message ?? "",
    remedy: content.remedy ?? known.remedy ?? "",
    requestId: content.requestId ?? response.headers.get("x-request-id") ?? "",
    errors: Array.isArray(content.errors) ? content.errors : [],
  });
}

const AGAIN = "Try again in a moment.";
const KINDS = {
  "no-response": { title: "The API does not respond" },
  "no-credentials": { title: "There are no valid credentials" },
  failed: { title: "The request could not be sent" },
  "no-session": { title: "This page's session has ended" },
  "not-verified": { title: "The history could not be verified" },
  "record-not-found": {
    title: "There is no such record",
    remedy: "It may have been deleted. Its history may still show it.",
  },
  "precondition-failed": { title: "Someone else changed this record" },
  "outcome-unknown": {
    title: "The change may or may not have been made",
    remedy: "Read the record before you try again.",
  },
  unavailable: { title: "The database did not respond in time", remedy: AGAIN },
  "too-large": { title: "The record is too large", remedy: "Shorten it to at most 64 KiB." },
  "invalid-request": { title: "The API did not accept the values" },
  "nothing-to-restore": { title: "The record already has this content" },
};
const STATUSES = {
  401: {
    title: "The credentials were not accepted",
    remedy: "Sign in again, then run `records open` again.",
  },
  403: {
    title: "Your credentials do not allow this",
    remedy:
      "Use credentials with the policy or scope for this operation. " +
      "If they worked before, they may have expired.",
  },
  404: {
    title: "This deployment does not offer this",
    remedy: "The operation is disabled, or the URL of the service is wrong.",
  },
  429: { title: "The service is busy", remedy: AGAIN },
  500: { title: "The service failed", remedy: "Its log has the cause, under the request ID." },
  502: { title: "The API does not respond", remedy: AGAIN },
  503: { title: "The service is not available", remedy: AGAIN },
  504: { title: "The service did not respond in time", remedy: AGAIN },
};
