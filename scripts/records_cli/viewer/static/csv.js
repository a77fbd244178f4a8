// CSV for spreadsheets (RFC 4180).

const COLUMNS = [
  "recordID",
  "createdAt",
  "updatedAt",
  "updatedBy",
  "submittedBy",
  "type",
  "status",
  "message",
  "version",
  "attributes",
];

/** Return one line for a record whose attributes are JSON values. */
export function line(record, stringify) {
  return cells(
    COLUMNS.map((column) => {
      const value = record[column];
      if (value === undefined || value === null) return "";
      return typeof value === "string" ? value : stringify(value);
    }),
  );
}

/** Return the first line. The byte order mark tells Excel that the file is UTF-8. */
export function header() {
  return `\uFEFF${cells(COLUMNS)}`;
}

function cells(values) {
  return `${values.map(cell).join(",")}\r\n`;
}

/**
 * Return one cell. A spreadsheet runs a cell that begins like a formula, whoever wrote it; an
 * apostrophe before it makes it text (OWASP, "CSV Injection").
 */
export function cell(value) {
  const text = /^\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
