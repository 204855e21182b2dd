/**
 * Secrets that are known by their own shape, wherever they stand. Each costs time in proportion to the text: a start is a word's
 * start, what repeats is followed by nothing that could fail far away, or is bounded.
 */
const SHAPES = [
  // Keys of model providers; `sk-` alone is also the start of style classes, so that one needs a digit.
  /sk-(?:ant|proj|or|svcacct|admin|lf)-[\w-]{8,}/,
  /sk-(?=[\w-]{0,40}\d)[\w-]{16,}/,
  /(?:gsk|hf|r8|fw|jina|lsv2_pt|lsv2_sk)_[A-Za-z0-9_]{20,}/,
  /(?:xai|pplx|nvapi|tvly|csk)-[\w-]{20,}/,
  // Clouds.
  /(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}/,
  /AIza[\w-]{30,}/,
  /ya29\.[\w-]{16,}/,
  /1\/\/0[\w-]{20,}/,
  /GOCSPX-[\w-]{16,}/,
  /do[opr]_v1_[a-f0-9]{20,}/,
  /dapi[a-f0-9]{32}/,
  /hv[sbr]\.[\w-]{20,}/,
  /AGE-SECRET-KEY-1[A-Z0-9]{20,}/,
  // Code hosts and registries.
  /gh[oprsu]_[A-Za-z0-9]{16,}/,
  /github_pat_\w{20,}/,
  /gl(?:pat|oas|dt|rt|cbt|ptt|ft|soat|imt|agent)-[\w.-]{16,}/,
  /npm_[A-Za-z0-9]{20,}/,
  /pypi-[\w-]{20,}/,
  /rubygems_[a-f0-9]{20,}/,
  /dckr_[po]at_[\w-]{20,}/,
  /ATATT3[\w=-]{20,}/,
  // Services.
  /xox[a-z](?:\.xox[a-z])?-[\w-]{10,}/,
  /xapp-[\w-]{10,}/,
  /[rs]k_(?:live|test)_[A-Za-z0-9]{10,}/,
  /whsec_[\w+/=-]{16,}/,
  /SG\.[\w-]{16,64}\.[\w-]{16,}/,
  /SK[a-f0-9]{32}/,
  /key-[a-f0-9]{32}/,
  /shp(?:at|ss|ca|pa)_[A-Fa-f0-9]{20,}/,
  /sq0[a-z]{3}-[\w-]{20,}/,
  /(?:glsa|glc|sbp|lin_api|ntn|secret|sntrys|sntryu|phx|PMAK)[_-][\w=-]{32,}/,
  /\d{8,10}:AA[\w-]{30,}/,
  /hooks\.slack\.com\/(?:services|workflows|triggers)\/[\w/-]{10,}/,
  /discord(?:app)?\.com\/api\/(?:v\d{1,2}\/)?webhooks\/\d{5,20}\/[\w-]{10,}/,
];

/** A JWT's first part can be any length, so it may only start where a run of its letters starts. */
const JWT = /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*){0,3}/;

/** Up to its end line, or to the end of the text if that was cut off. */
const PEM = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}-----|$)/;

/** Finds every secret that has a shape; to be used with its `lastIndex` at 0. */
export const SECRET_SHAPES: RegExp = new RegExp(
  `(?<![A-Za-z0-9])(?:${SHAPES.map(({ source }) => source).join('|')})|${JWT.source}|${PEM.source}`,
  'g',
);
