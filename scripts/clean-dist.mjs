// Deletes dist of the package it is run in: tsc never deletes the output of a source that is gone.
import { rmSync } from 'node:fs';

rmSync('dist', { recursive: true, force: true });
