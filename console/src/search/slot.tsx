// Search, in the bar above every page.
import { Search } from './Search';

export const slot = { name: 'search', View: Search };
