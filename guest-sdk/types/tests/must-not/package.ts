// TS2307
// Packages cannot be imported.

import axios from "axios";

export default () => axios.get("https://example.org");
