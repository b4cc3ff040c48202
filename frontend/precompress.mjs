// Writes the compressed forms of the built files beside them, which the gateway serves by Accept-Encoding.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const FOLDER = new URL("../gateway/ide/dist/ide/", import.meta.url);
// Smaller files fit into one packet as they are.
const MIN_BYTES = 1024;

// The levels above take ten times as long for a tenth of the bytes.
const QUALITY = 9;

const forms = {
  br: (content) => promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: QUALITY } }),
  gz: (content) => promisify(gzip)(content, { level: constants.Z_BEST_COMPRESSION }),
};

async function precompress(name) {
  const content = await readFile(new URL(name, FOLDER));
  if (content.length < MIN_BYTES) return;
  const written = Object.entries(forms).map(async ([ending, compress]) =>
    writeFile(new URL(`${name}.${ending}`, FOLDER), await compress(content)),
  );
  await Promise.all(written);
}

const built = (await readdir(FOLDER)).filter((name) => !/\.(br|gz)$/.test(name));
await Promise.all(built.map(precompress));
