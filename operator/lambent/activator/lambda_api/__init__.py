"""AWS Lambda's Invoke API: names, requests and errors in AWS's form."""
