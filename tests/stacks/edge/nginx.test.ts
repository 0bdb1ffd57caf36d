import { NGINX } from './drivers.ts';
import { edgeSuite } from './edge.ts';

edgeSuite(NGINX);
