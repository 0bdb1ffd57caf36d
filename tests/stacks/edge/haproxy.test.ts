import { HAPROXY } from './drivers.ts';
import { edgeSuite } from './edge.ts';

edgeSuite(HAPROXY);
