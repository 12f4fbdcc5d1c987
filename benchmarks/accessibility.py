"""What axe-core finds in pages: `python benchmarks/accessibility.py axe.min.js PAGE ...`.

axe-core comes from npm (`npm pack axe-core`); Chromium has to be on the PATH. Each page is looked at on a wide window and on a
phone, in light and in dark. It ends with 1 if anything serious or critical was found.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RUN = "axe.run(document).then(found => { document.body.innerHTML = ''; const said = document.createElement('pre'); said.id = 'axe';"
RUN += (
    " said.textContent = JSON.stringify(found.violations.map(v => [v.impact, v.id, v.nodes.length, v.nodes[0].html, v.help]));"
)
RUN += " document.body.append(said); });"


def violations(page: Path, axe: str, width: int, dark: bool) -> list[list[object]]:
    "Impact, rule, number of places, the first place and the rule's words, for each rule that a page breaks."
    open_page = re.sub(r'<meta http-equiv="Content-Security-Policy".*?>\n?', "", page.read_text(), count=1, flags=re.S)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "page.html"
        copy.write_text(open_page.replace("</body></html>", f"<script>{axe}</script><script>{RUN}</script></body></html>"))
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},1000",
        ]
        flags += ["--virtual-time-budget=60000", *(["--blink-settings=preferredColorScheme=0"] if dark else [])]
        command = [shutil.which("chromium") or "google-chrome", *flags, "--dump-dom", copy.as_uri()]
        dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    found = re.search(r'<pre id="axe">(.*?)</pre>', dom, re.S)
    if not found:
        raise RuntimeError(f"{page} was not judged; is the first argument axe.min.js?")
    text = found.group(1).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return json.loads(text)


if __name__ == "__main__":
    axe_source, serious = Path(sys.argv[1]).read_text(), 0
    for name in sys.argv[2:]:
        for width, dark in ((1440, False), (390, False), (1440, True)):
            broken = violations(Path(name), axe_source, width, dark)
            print(f"{name} at {width} px{', dark' if dark else ''}: {len(broken)} rules broken")
            for impact, rule, places, first, words in broken:
                print(f"  {impact}: {rule} in {places} places ({words}): {str(first)[:140]}")
                serious += impact in ("serious", "critical")
    sys.exit(serious > 0)
