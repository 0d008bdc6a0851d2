/** What views are made of: the basics, the data of the run, decisions and notes, and tables. */
export * from "./basics.js";
export * from "./charts.js";
export * from "./clusters.js";
export * from "./data.js";
export * from "./decisions.js";
export * from "./dialogs.js";
export * from "./downloads.js";
export * from "./members.js";
export * from "./records.js";
export * from "./search.js";
export * from "./server.js";
export * from "./store.js";
export * from "./table.js";
export * from "./work.js";
