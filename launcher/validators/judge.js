// Judges answers by Ajv: judge.js ANSWERS.jsonl, with ajv, ajv-formats and ajv-draft-04 in NODE_PATH.
const fs = require('fs');
const formats = require('ajv-formats');
const mostShown = 20;
// What the specification names; Ajv's others (int32, byte, url, ...) are annotations to it.
const named = ['date-time', 'time', 'date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uri',
  'uri-reference', 'uri-template', 'uuid', 'json-pointer', 'relative-json-pointer', 'regex'];

// Whom RFC 5321 lets have mail: Ajv wants a point in the host, and knows neither quoted names nor address literals.
const atom = "[a-z0-9!#$%&'*+/=?^_`{|}~-]+";
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const mail = new RegExp(`^(?:${atom}(?:\\.${atom})*|"(?:[ !#-\\[\\]-~]|\\\\[ -~])*")@` +
  `(?:${label}(?:\\.${label})*|\\[(?:IPv6:(?<v6>.*)|(?<v4>.*))\\])$`, 'i');

function isMail(text) {
  const found = text.length <= 254 && mail.exec(text);
  if (!found) return false;
  const {v6, v4} = found.groups;
  return v6 !== undefined ? formats.get('ipv6').test(v6) : v4 === undefined || formats.get('ipv4').test(v4);
}

// RFC 3986 lets nothing follow the scheme, as in DAV:, which Ajv refuses: it gets something to judge.
const isUri = text => formats.get('uri')(text.replace(/^([a-z][a-z0-9+.-]*:)(?=[?#]|$)/i, '$1x'));

function draft(schema) {
  const said = String(schema.$schema || '');
  // Who names itself by "id" and no draft is of the fourth.
  if (/draft-0[34]/.test(said) || (!said && /"id":"/.test(JSON.stringify(schema)))) return require('ajv-draft-04');
  if (/draft-0[67]/.test(said)) return require('ajv');
  if (/2019-09/.test(said)) return require('ajv/dist/2019');
  return require('ajv/dist/2020');
}

function validator(path) {
  const schema = JSON.parse(fs.readFileSync(path, 'utf8'));
  const Ajv = draft(schema).default;
  if (typeof schema === 'object' && !/draft-0[467]|20(19-09|20-12)/.test(schema.$schema || '')) delete schema.$schema;
  const compile = unicodeRegExp => {
    const ajv = new Ajv({strict: false, logger: false, unicodeRegExp, validateSchema: false, multipleOfPrecision: 9});
    formats(ajv, named);
    ajv.addFormat('email', isMail).addFormat('uri', isUri);
    return ajv.compile(schema);
  };
  try {
    return compile(true);
  } catch (fault) {
    // Many published patterns are written for expressions without the flag u.
    if (!/regular expression/i.test(String(fault))) throw fault;
    return compile(false);
  }
}

let last = null;
let judge = null;
let judged = 0;
let invalid = 0;
const failed = new Map();
for (const line of fs.readFileSync(process.argv[2], 'utf8').split('\n')) {
  if (!line) continue;
  const entry = JSON.parse(line);
  if (entry.file !== last) {
    last = entry.file;
    judge = null;
    try {
      judge = validator(entry.file);
    } catch (fault) {
      failed.set(entry.file, String(fault));
    }
  }
  if (!judge) continue;
  judged++;
  if (!judge(JSON.parse(entry.answer)) && ++invalid <= mostShown) {
    const error = judge.errors[0];
    console.log(`invalid: ${entry.file} ${error.schemaPath}: ${error.message} at '${error.instancePath}'`);
  }
}
[...failed].slice(0, mostShown).forEach(([file, fault]) => console.log(`cannot use: ${file}: ${fault.slice(0, 160)}`));
console.log(`ajv: ${judged} answers judged, ${invalid} invalid; ${failed.size} schemas it cannot use`);
process.exit(invalid ? 1 : 0);
