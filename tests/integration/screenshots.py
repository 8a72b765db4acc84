"""Writes pictures of the dashboard on simulated campaigns into a folder: see scripts/screenshots."""

import pathlib
import sys
import time

import browser as browsers
import harness

CAMPAIGNS = [("welcome", 90, "delivered=90,undelivered:30005=5,undelivered:30003=3,sent=2"),
             ("reminders", 240, "delivered=94,undelivered:30003=2,failed:30006=2,sent=2"),
             ("summer-vip", 120, "delivered=85,undelivered:30007=9,sent=3,read=3"),
             ("spring-sale", 400, "delivered=72,read=9,undelivered:30007=7,undelivered:30003=4,undelivered:30005=3,"
                                  "failed:21610=1,undelivered:39999=1,sent=3")]


def main(folder):
    daemon, browser = harness.Daemon().start(), browsers.Browser()
    try:
        for name, count, mix in CAMPAIGNS:
            daemon.cli("simulate", "--yes", "--count", 2 * count, "--query", f"workspace=acme&campaign={name}&variant=a",
                       "--replies", 4, "--seed", len(name), "--mix", mix)
        daemon.settle()
        time.sleep(1)
        browser.resize("laptop")
        for name, target in (("campaigns", ""), ("errors", "?view=campaign&campaign=spring-sale&workspace=acme")):
            browser.open(daemon, target)
            browser.until(lambda: browser.text("#live") == "Live", "the stream")
            browser.driver.save_screenshot(str(folder / f"{name}.png"))
    finally:
        browser.close()
        daemon.finish()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
