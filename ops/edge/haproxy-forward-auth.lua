-- `http-request lua.forward-auth URL`: asks Authelia's forward-auth endpoint whether a request may go on, and as whom.
-- Sets Remote-User and Remote-Groups of the request where it may, else txn.forward_auth ("denied", "forbidden", "away") and txn.sign_in.
-- Whatever a client sends of these names must have been taken out before.

local function first(headers, name)
  local values = headers[name]
  return values and values[0]
end

core.register_action("forward-auth", { "http-req" }, function(txn, url)
  local given = txn.http:req_get_headers()
  local asked = {
    ["x-forwarded-method"] = { txn.sf:method() },
    ["x-forwarded-proto"] = { "https" },
    ["x-forwarded-host"] = { first(given, "host") or "" },
    ["x-forwarded-uri"] = { txn.sf:pathq() },
    ["x-forwarded-for"] = { txn.sf:src() },
  }
  for _, name in ipairs({ "cookie", "authorization", "accept", "x-requested-with", "user-agent" }) do
    local value = first(given, name)
    if value then asked[name] = { value } end
  end
  local done, answer = pcall(function()
    return core.httpclient():get({ url = url, headers = asked, timeout = 5000 })
  end)
  local status = done and answer and answer.status or 0
  if status == 200 then
    for _, name in ipairs({ "remote-user", "remote-groups" }) do
      local value = first(answer.headers, name)
      if value then txn.http:req_set_header(name, value) end
    end
  elseif status == 403 then
    txn:set_var("txn.forward_auth", "forbidden")
  elseif status >= 300 and status < 500 then
    txn:set_var("txn.forward_auth", "denied")
    local sign_in = first(answer.headers, "location")
    if sign_in then txn:set_var("txn.sign_in", sign_in) end
  else
    txn:set_var("txn.forward_auth", "away")
  end
end, 1)
