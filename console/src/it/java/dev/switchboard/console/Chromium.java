package dev.switchboard.console;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.ColorScheme;
import com.microsoft.playwright.options.ReducedMotion;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Debian's Chromium without a window, driven by Playwright. */
final class Chromium implements AutoCloseable {
  /** Long enough for a first page where other work takes both cores. */
  private static final int LIMIT_MS = 120_000;

  private final Playwright playwright;
  private final Browser browser;

  private Chromium(Playwright playwright, Browser browser) {
    this.playwright = playwright;
    this.browser = browser;
  }

  static Chromium start() {
    Map<String, String> environment = Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    Playwright playwright = Playwright.create(new Playwright.CreateOptions().setEnv(environment));
    Browser browser =
        playwright
            .chromium()
            .launch(
                new BrowserType.LaunchOptions()
                    .setExecutablePath(Path.of(executable()))
                    .setChromiumSandbox(false)
                    .setArgs(List.of("--disable-gpu")));
    return new Chromium(playwright, browser);
  }

  private static String executable() {
    return System.getProperty("switchboard.chromium", "/usr/bin/chromium");
  }

  /** A visitor of its own; what stands in its storage is a context's own too. */
  BrowserContext visitor(String url, int width, int height) {
    BrowserContext context =
        browser.newContext(
            new Browser.NewContextOptions()
                .setBaseURL(url)
                .setViewportSize(width, height)
                .setColorScheme(ColorScheme.LIGHT)
                .setReducedMotion(ReducedMotion.REDUCE)
                .setLocale("en-GB"));
    context.setDefaultTimeout(LIMIT_MS);
    return context;
  }

  /** Records the tasks of the page's threads until {@link #traced}. */
  void trace(Page page) {
    browser.startTracing(
        page,
        new Browser.StartTracingOptions()
            .setCategories(List.of("disabled-by-default-devtools.timeline")));
  }

  TaskTrace traced() throws IOException {
    return TaskTrace.of(browser.stopTracing());
  }

  /** Waits until a view is drawn, its numbers included. */
  static void drawn(Page page) {
    page.locator(".sb-view, .sb-door").first().waitFor();
    page.waitForFunction(
        "() => !document.body.innerText.includes('Loading')"
            + " && !document.querySelector('.sb-view[aria-busy]')"
            + " && !document.querySelector('.v-loading-indicator[style*=\"display: block\"]')");
  }

  @Override
  public void close() {
    browser.close();
    playwright.close();
  }
}
