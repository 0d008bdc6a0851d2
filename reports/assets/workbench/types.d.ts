/** What the pieces of data have (reports/pieces.py, reports/workbench.py), as the page opens it (data.js). */

/** A cluster in lists. */
interface Row {
  id: string;
  name: string;
  brand: string;
  priority: number;
  size: number;
  core: number;
  unreviewed: number;
  contested: number;
  complaints: number;
  calls: number;
  reporters: number;
  /** Currency, amount and complaints. */
  losses: [string, string, number][];
  /** Country, and complaints where they may be shown. */
  countries: [string, number | null][];
  orgs: string[];
  brands: string[];
  first: number;
  last: number;
  confidence: number;
  status: string;
  event: string;
  from: string[];
  gained: number;
  lost: number;
  lone: boolean;
  before: Pick<Row, "size" | "status" | "losses" | "reporters">[];
  flags: string[];
  cut: number | null;
  part: number;
  changes: { kind: string; text: string }[];
  opened?: Cluster;
}

/** All that is known of a cluster. */
interface Cluster extends Row {
  members: Member[];
  links: Link[];
  /** Weaker links, of which the ends alone are here. */
  ties: Tie[];
  tied: (Link | Tie)[];
  near: (Pick<Link, "a" | "weight" | "reporters" | "reason"> & { member: Member; there: string; cluster: string })[];
  bridges: { a: string; b: string; weight: number; side: number }[];
  readings: Reading[];
  suppliers: Supplier[];
  scripts: any[];
  handovers: { before: Member; after: Member }[];
  sides: Record<string, string[]>;
  counts: { near: number }[];
  parts: { part: string; points: number; value: number }[];
  lineage: any[];
  rests_on: string[];
  left_out: number;
  alone?: Record<string, number[]>;
  joint?: any;
  digest?: Promise<any>;
}

interface Member {
  id: string;
  kind: string;
  role: string;
  tier: string;
  review: string;
  status: string;
  region: string | null;
  near: string | null;
  line: string | null;
  host: string | null;
  reporters: number;
  robustness: number;
  bridge: boolean;
  complaints: number;
  calls: number;
  orgs: string[];
  first: number;
  last: number;
  confidence: number;
  reason: string;
  facts: string[][];
  carriers: string[];
  roles: { role: string; count: number }[];
  /** Days since 1970, and the records of each. */
  days: [number, number][];
  /** Where it is in the graph, 0 to 1; null where it was laid out nowhere. */
  x: number | null;
  y: number;
  place: number;
  links: Link[];
  readings: Reading[];
  accepted: Member[];
  doubts: string[];
}

interface Tie {
  a: number;
  b: number;
  ends: [Member, Member];
  accepted: boolean;
  weight?: number;
}

interface Link extends Tie {
  weight: number;
  complaints: number;
  calls: number;
  reporters: number;
  records: number;
  orgs: string[];
  first: number;
  last: number;
  strength: string;
  reason: string;
  confidence: number;
  /** Of its first records. */
  ids: string[];
}

interface Reading {
  a: number;
  member: Member;
  org: string;
  kind: string;
  id: string;
  role: string;
  country: string | null;
  field: string | null;
  raw: string;
  at: number;
  confidence: number;
  before: string | null;
  after: string | null;
}

interface Supplier {
  id: string;
  kind: string;
  clusters: number;
  records: number;
  serves: string[];
  /** The first other clusters that it serves. */
  others: string[];
  more: number;
  links: { a: number; records: number }[];
}
