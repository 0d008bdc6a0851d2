/** Values, elements, words and addresses: what every module draws with. */
export * from "./address.js";
export * from "./elements.js";
export * from "./format.js";
export * from "./rows.js";
export * from "./words.js";
