"""An agent with the OpenAI SDK: the model calls Tributary's tools until it has an answer."""

from openai import OpenAI

from tributary import Tributary

MOST_TURNS = 8


def answer(models: OpenAI, model: str, tributary: Tributary, question: str) -> str:
    """
    The model's answer.

    :raises RuntimeError: where it has called tools for eight turns and not answered
    """
    messages: list = [
        {"role": "system", "content": "Answer from what the tools find, and name the documents."},
        {"role": "user", "content": question},
    ]
    tools = tributary.functions()
    for _ in range(MOST_TURNS):
        message = models.chat.completions.create(model=model, messages=messages, tools=tools).choices[0].message
        if not message.tool_calls:
            return message.content or ""
        messages.append(message)
        for call in message.tool_calls:
            found = tributary.call(call.function.name, call.function.arguments)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": found})
    raise RuntimeError(f"No answer after {MOST_TURNS} turns.")
