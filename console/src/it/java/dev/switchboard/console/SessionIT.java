package dev.switchboard.console;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.assertions.PlaywrightAssertions;
import com.microsoft.playwright.options.AriaRole;
import com.microsoft.playwright.options.Cookie;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How long a session lasts, and under which id. */
@Tag("browser")
class SessionIT {
  private static final int LIMIT_MS = 30_000;
  private static final int STRANGERS = 150;
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private static final Duration IDLE = Duration.ofSeconds(20);

  private static final double LONGER_MS = 25_000;

  /** More than the page waits before it says again that somebody is there. */
  private static final double HALF_MS = 11_000;

  @TempDir private static Path folder;
  private static LocalConsole console;
  private static Chromium chromium;

  @BeforeAll
  static void start() throws Exception {
    PlaywrightAssertions.setDefaultAssertionTimeout(LIMIT_MS);
    console = LocalConsole.start(folder, IDLE);
    chromium = Chromium.start();
    try (Visitor first = new Visitor(visitor())) {
      first.signInFirst(console.firstRunUrl());
    }
  }

  @AfterAll
  static void stop() {
    HTTP.close();
    chromium.close();
    console.close();
  }

  private static BrowserContext visitor() {
    return chromium.visitor(console.url(), 1280, 900);
  }

  private static String session(BrowserContext context) {
    return context.cookies().stream()
        .filter(cookie -> cookie.name.equals("switchboard"))
        .map(cookie -> cookie.value)
        .findFirst()
        .orElseThrow();
  }

  private static void isAskedToSignIn(Page page) {
    page.navigate("/audit");
    assertThat(page.getByRole(AriaRole.BUTTON, new Page.GetByRoleOptions().setName("Sign in")))
        .isVisible();
  }

  private static void isSignedIn(Page page) {
    page.navigate("/audit");
    assertThat(
            page.getByRole(
                AriaRole.HEADING, new Page.GetByRoleOptions().setName("Audit").setLevel(1)))
        .isVisible();
  }

  private static Page withSession(BrowserContext context, String id) {
    context.addCookies(List.of(new Cookie("switchboard", id).setUrl(console.url())));
    return context.newPage();
  }

  @Test
  void signingInChangesTheIdSoThatNobodyWhoKnewTheOldOneIsSignedIn() {
    try (BrowserContext own = visitor();
        BrowserContext other = visitor();
        BrowserContext same = visitor()) {
      Page page = own.newPage();
      page.navigate("/sign-in");
      page.getByLabel("Name").waitFor();
      String before = session(own);

      Visitor.signIn(page);

      String after = session(own);
      assertNotEquals(before, after);
      isAskedToSignIn(withSession(other, before));
      isSignedIn(withSession(same, after));
    }
  }

  @Test
  void aPageThatIsOnlyOpenDoesNotKeepTheSession() {
    try (BrowserContext own = visitor()) {
      Page page = own.newPage();
      Visitor.signIn(page);
      isSignedIn(page);
      page.navigate("/");
      Chromium.drawn(page);

      page.waitForTimeout(LONGER_MS);

      // It goes there by itself, and a page that is asked for says the same.
      page.waitForURL("**/sign-in");
      isAskedToSignIn(page);
    }
  }

  @Test
  void whoPressesAKeyNowAndThenStaysSignedIn() {
    try (BrowserContext own = visitor()) {
      Page page = own.newPage();
      Visitor.signIn(page);
      for (int i = 0; i < 3; i++) {
        page.waitForTimeout(HALF_MS);
        page.keyboard().press("Shift");
      }

      isSignedIn(page);
    }
  }

  /** They end one another, and nobody who is signed in. */
  @Test
  void strangersEndNoSessionOfAPerson() throws Exception {
    try (BrowserContext own = visitor()) {
      Page page = own.newPage();
      Visitor.signIn(page);
      HttpRequest stranger = HttpRequest.newBuilder(URI.create(console.url() + "/sign-in")).build();
      for (int i = 0; i < STRANGERS; i++) {
        HttpResponse<Void> _ = HTTP.send(stranger, HttpResponse.BodyHandlers.discarding());
      }

      isSignedIn(page);
    }
  }
}
