// Record what face-api itself answers: node record.js PACKAGE < squares.json > outputs.json
// PACKAGE is the unpacked npm package @vladmandic/face-api@1.7.15. Standard input is a list of
// {name, side, rgb}: a square's pixels, row by row, in base64. Needs @tensorflow/tfjs@4.22.0 and
// @tensorflow/tfjs-backend-wasm@4.22.0, which the package's Node build asks for; runs on the CPU.
const fs = require('fs');
const path = require('path');
const tf = require('@tensorflow/tfjs');

const folder = path.resolve(process.argv[2]);
const faceapi = require(path.join(folder, 'dist/face-api.node-wasm.js'));

async function main() {
  await tf.setBackend('cpu');
  const nets = { landmarks: faceapi.nets.faceLandmark68Net, expressions: faceapi.nets.faceExpressionNet };
  for (const net of Object.values(nets)) await net.loadFromDisk(path.join(folder, 'model'));
  const answers = {};
  for (const { name, side, rgb } of JSON.parse(fs.readFileSync(0))) {
    const square = tf.tensor(new Uint8Array(Buffer.from(rgb, 'base64')), [side, side, 3], 'int32');
    const input = await faceapi.toNetInput(square);
    answers[name] = {};
    for (const [task, net] of Object.entries(nets)) {
      answers[name][task] = Array.from(net.runNet(input).dataSync(), (x) => Number(x.toPrecision(7)));
    }
  }
  console.log(JSON.stringify(answers));
}

main();
