// Writes what llama.cpp makes of texts.inp, or of its own texts, with each vocabulary of this folder (*.gguf.out: a line of ids for each text, without
// tokens added before or after). See README.md.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const SEPARATOR = '\n__ggml_vocab_test__\n';

// From the folder where npm installed it, which is the current one.
const installed = createRequire(path.join(process.cwd(), 'package.json')).resolve('node-llama-cpp');
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(installed));
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.disabled });
for (const file of fs.readdirSync(HERE).filter((name) => name.endsWith('.gguf')).sort()) {
  const model = await llama.loadModel({ modelPath: path.join(HERE, file), vocabOnly: true });
  const own = path.join(HERE, file + '.inp');
  const source = fs.existsSync(own) ? own : path.join(HERE, 'texts.inp');
  const texts = fs.readFileSync(source, 'utf8').split(SEPARATOR);
  const lines = texts.map((text) => ' ' + model.tokenize(text, false).join(' '));
  fs.writeFileSync(path.join(HERE, file + '.out'), lines.join('\n'));
  console.log(file, texts.length, 'texts');
  await model.dispose();
}
await llama.dispose();
