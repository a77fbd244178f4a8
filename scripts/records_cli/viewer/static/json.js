// JSON whose numbers keep every digit, the differences of two values, and merge patches (RFC 7396).

/** Whether this browser can keep the digits of numbers. */
export const isExact = typeof JSON.rawJSON === "function";

/** Return JSON text parsed. A number that JavaScript would round stays as its text (rawJSON). */
export function parse(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" && String(value) !== context.source
      ? JSON.rawJSON(context.source)
      : value,
  );
}

/** Return a value as JSON text; `indent` as for JSON.stringify. */
export function stringify(value, indent) {
  return JSON.stringify(value, null, indent);
}

export function isRaw(value) {
  return JSON.isRawJSON(value);
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isRaw(value);
}

/** Return whether two values are the same JSON; the order of members does not matter. */
export function equal(one, other) {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, index) => equal(each, other[index]));
  }
  if (isObject(one) && isObject(other)) {
    const names = Object.keys(one);
    return (
      names.length === Object.keys(other).length &&
      names.every((name) => Object.hasOwn(other, name) && equal(one[name], other[name]))
    );
  }
  if (isRaw(one) || isRaw(other)) return stringify(one) === stringify(other);
  return one === other;
}

/** Return a copy of an object without a prototype, in which a member may have any name. */
function members(value) {
  const copy = Object.create(null);
  for (const name of Object.keys(value)) copy[name] = value[name];
  return copy;
}

/** Return the merge patch that turns one object into another; undefined if they are equal. */
export function mergePatch(before, after) {
  const patch = Object.create(null);
  for (const name of Object.keys(before)) if (!Object.hasOwn(after, name)) patch[name] = null;
  for (const name of Object.keys(after)) {
    if (!Object.hasOwn(before, name)) patch[name] = after[name];
    else if (isObject(before[name]) && isObject(after[name])) {
      const inner = mergePatch(before[name], after[name]);
      if (inner) patch[name] = inner;
    } else if (!equal(before[name], after[name])) patch[name] = after[name];
  }
  return Object.keys(patch).length ? patch : undefined;
}

/** Return what a merge patch makes of a value, as the service does. */
export function applyPatch(value, patch) {
  if (!isObject(patch)) return patch;
  const result = isObject(value) ? members(value) : Object.create(null);
  for (const name of Object.keys(patch)) {
    if (patch[name] === null) delete result[name];
    else result[name] = applyPatch(result[name], patch[name]);
  }
  return result;
}

const IDENTIFIER = /^[A-Za-z_][\w-]*$/;

function step(path, name) {
  if (!IDENTIFIER.test(name)) return `${path}[${JSON.stringify(name)}]`;
  return path ? `${path}.${name}` : name;
}

/** Return how two objects differ: a list of `{path, before, after}`; undefined means absent. */
export function differences(before, after, path = "") {
  const found = [];
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const one = Object.hasOwn(before, name) ? before[name] : undefined;
    const other = Object.hasOwn(after, name) ? after[name] : undefined;
    if (isObject(one) && isObject(other)) found.push(...differences(one, other, step(path, name)));
    else if (one === undefined || other === undefined || !equal(one, other)) {
      found.push({ path: step(path, name), before: one, after: other });
    }
  }
  return found;
}

const ORDER = ["type", "status", "message"];

/** Return the place of a difference: the fields in their usual order, then the others. */
function rank({ path }) {
  const index = ORDER.indexOf(path);
  return index === -1 ? ORDER.length : index;
}

const BOOKKEEPING = ["recordID", "version", "updatedAt", "updatedBy"];

/** Return how two versions of a record differ, without what every change changes. */
export function recordDifferences(before, after) {
  const content = (record) => {
    const copy = members(record ?? {});
    for (const name of BOOKKEEPING) delete copy[name];
    return copy;
  };
  return differences(content(before), content(after)).sort((one, other) => rank(one) - rank(other));
}
