// npm runs this after `npm install` in a clone and before packing, to build. It also runs it when `npx eyeball-ml` links a clone into npx's
// cache; a build there would hold up the first command without a word.
if (process.env.npm_command !== 'exec') await import('./build.mjs');
