"""The generated tables of inputs and outputs."""

from pathlib import Path

import pytest

from lib import docs
from lib.console import Failure

VARIABLES = """
variable "bucket" {
  description = <<-EOT
    Where files go: <name>, with `a|b`
    on two lines.
  EOT
  type = object({
    name = string
    days = optional(number, 7) # a week
  })
  default = {}

  validation {
    condition     = true
    error_message = "Never."
  }
}

variable "name" {
  description = "A \\"name\\"."
  type        = string
}
"""
OUTPUTS = 'output "arn" {\n  description = "The ARN."\n  value = var.name\n}\n'


def test_inputs_have_type_default_and_requirement() -> None:
    *_, bucket, name = docs.inputs(VARIABLES).splitlines()
    assert bucket == (
        '| <a name="input_bucket"></a> [bucket](#input_bucket) '
        "| Where files go: &lt;name>, with `a\\|b` on two lines. "
        "| <pre>object({<br/>  name = string<br/>  days = optional(number, 7) # a week<br/>})</pre>"
        " | `{}` | no |"
    )
    assert name == (
        '| <a name="input_name"></a> [name](#input_name) | A "name". | `string` | n/a | yes |'
    )


def test_tables_replace_the_text_between_the_markers(tmp_path: Path) -> None:
    (tmp_path / "variables.tf").write_text(VARIABLES)
    (tmp_path / "outputs.tf").write_text(OUTPUTS)
    readme = tmp_path / "README.md"
    readme.write_text(f"# x\n{docs.BEGIN}\nold\n{docs.END}\nafter\n")
    text = docs.documented(readme)
    assert text.startswith(f"# x\n{docs.BEGIN}\n\n## Inputs\n")
    assert "[arn](#output_arn) | The ARN. |" in text
    assert text.endswith(f"{docs.END}\nafter\n")
    assert "old" not in text


def test_readme_without_markers_is_reported(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# x\n")
    with pytest.raises(Failure, match="has no markers for its tables"):
        docs.documented(tmp_path / "README.md")
