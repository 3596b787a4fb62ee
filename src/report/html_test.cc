#include "report/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vramcast {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Html, TextStandsForItself) {
  Document document;
  document.Add(Paragraph{"a < b & \"c\" <script>"}).Add(Code{"x > y"});
  const std::string page = RenderHtml(document, "<title>");
  EXPECT_THAT(page, HasSubstr("<p>a &lt; b &amp; &quot;c&quot; &lt;script&gt;</p>"));
  EXPECT_THAT(page, HasSubstr("<code>x &gt; y</code>"));
  EXPECT_THAT(page, HasSubstr("<h1>&lt;title&gt;</h1>"));
}

TEST(Html, NeedsNothingFromTheNetwork) {
  Document document;
  document.Add(Title{"One"}).Add(Bullet{"first"}).Add(Bullet{"second", Tone::kBad});
  document.Add(Table{{"name", "size"}, {{"a", "1"}}, {false, true}});
  document.Add(Bars{{{"half", 1, "1 GiB"}, {"full", 2, "2 GiB"}}, 0});
  const std::string page = RenderHtml(document, "report");
  for (const char* outside : {"http:", "https:", "src=", "href=", "<script", "@import", "url("}) {
    EXPECT_THAT(page, Not(HasSubstr(outside)));
  }
  EXPECT_THAT(page, HasSubstr("<ul>\n<li>first</li>\n<li class=\"bad\">second</li>\n</ul>"));
  EXPECT_THAT(page, HasSubstr("<td class=\"right\">1</td>"));
  EXPECT_THAT(page, HasSubstr("width:50.0%"));
}

}  // namespace
}  // namespace vramcast
