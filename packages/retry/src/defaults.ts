import { type Classifier, classifier } from './classifier.ts';
import { testimonyOf } from './testimony.ts';

/** What is tried again where nobody says otherwise. It names nothing. */
export const defaults: Classifier = classifier(
  (error) => ('because' in testimonyOf(error) ? 'no' : 'yes'),
  () => false,
  () => 'the defaults',
);
