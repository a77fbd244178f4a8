// What the page shows, as its URL says: filters, the open record, and how the chart groups.

export const FIELDS = { type: "Type", status: "Status", submittedBy: "Submitter" };
export const PERIODS = [
  ["1h", "Last hour", 3600],
  ["24h", "Last 24 hours", 86400],
  ["7d", "Last 7 days", 7 * 86400],
  ["30d", "Last 30 days", 30 * 86400],
];
const NAMES = [
  ...Object.keys(FIELDS),
  "since",
  "createdAfter",
  "createdBefore",
  "record",
  "view",
  "by",
];
const FILTERS = [...Object.keys(FIELDS), "since", "createdAfter", "createdBefore"];

/** Return the state that a URL's query says. What it does not know is left out. */
export function readState(search) {
  const parameters = new URLSearchParams(search);
  const state = {};
  for (const name of NAMES) if (parameters.get(name)) state[name] = parameters.get(name);
  if (state.since && !PERIODS.some(([name]) => name === state.since)) delete state.since;
  for (const name of ["createdAfter", "createdBefore"]) {
    if (state[name] && Number.isNaN(Date.parse(state[name]))) delete state[name];
  }
  return state;
}

/** Return the URL of a state. */
export function writeState(state) {
  const parameters = new URLSearchParams();
  for (const name of NAMES) if (state[name]) parameters.set(name, state[name]);
  return [...parameters].length ? `?${parameters}` : "/";
}

/** Return whether two states show the same list. */
export function sameList(one, other) {
  return FILTERS.every((name) => one[name] === other[name]);
}

export function hasFilters(state) {
  return FILTERS.some((name) => state[name]);
}

/** Return the state without its filters. */
export function withoutFilters(state) {
  const copy = { ...state };
  for (const name of FILTERS) delete copy[name];
  return copy;
}

/** Return the query of the API. A period such as the last hour begins `now`. */
export function listQuery(state, now = Date.now()) {
  const query = new URLSearchParams();
  for (const name of Object.keys(FIELDS)) if (state[name]) query.set(name, state[name]);
  const period = PERIODS.find(([name]) => name === state.since);
  if (period) query.set("createdAfter", new Date(now - period[2] * 1000).toISOString());
  else if (state.createdAfter)
    query.set("createdAfter", new Date(state.createdAfter).toISOString());
  if (!period && state.createdBefore)
    query.set("createdBefore", new Date(state.createdBefore).toISOString());
  return query;
}
